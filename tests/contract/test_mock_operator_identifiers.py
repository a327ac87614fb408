"""Who a request is about: by token kind and version of the API (Commonalities 0.4 against 0.5 and later)."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from adapters.mock.operator.profile import Legs, OfferedApi, SubjectForm, load_profile
from tests.support.mock_operator import RunningOperator, running_operator

CIRCLE = {"areaType": "CIRCLE", "center": {"latitude": 40.4168, "longitude": -3.7038}, "radius": 5000}
STEADY, OTHER, NOBODY = "+34600000101", "+34600000102", "+34600000404"
SWAP, PLACE = "sim-swap:check", "location-verification:verify"
NEWEST = {"sim-swap": "2.1.0", "location-verification": "3.0.0"}
MIDDLE = {"sim-swap": "2.0.0", "location-verification": "2.0.0"}
OLDEST = {"sim-swap": "1.0.0", "location-verification": "1.0.0"}


@pytest.fixture(scope="module")
def operators() -> Iterator[dict[str, RunningOperator]]:
    """The same subscribers behind three generations of the same APIs, all open to both kinds of token."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running_operator(_generation(versions)))
            for name, versions in (("newest", NEWEST), ("middle", MIDDLE), ("oldest", OLDEST))
        }


def _generation(versions: dict[str, str]) -> Any:
    offered = tuple(OfferedApi(name=name, version=version, legs=frozenset(Legs)) for name, version in versions.items())
    forms = frozenset({SubjectForm.OPERATOR_TOKEN, SubjectForm.TEL})
    return load_profile("alba").model_copy(update={"apis": offered, "subject_forms": forms})


PATHS = {
    "newest": ("/sim-swap/v2/check", "/location-verification/v3/verify"),
    "middle": ("/sim-swap/v2/check", "/location-verification/v2/verify"),
    "oldest": ("/sim-swap/v1/check", "/location-verification/v1/verify"),
}
OK = (200, None)
UNNECESSARY = (422, "UNNECESSARY_IDENTIFIER")
MISSING = (422, "MISSING_IDENTIFIER")
CONTEXT = (403, "INVALID_TOKEN_CONTEXT")
NOT_FOUND = (404, "IDENTIFIER_NOT_FOUND")
IPV6 = {"ipv6Address": "2001:db8::1"}

# generation, token, number in the body (absent: None) -> answer
SWAP_RULES = [
    ("newest", "two", STEADY, OK),
    ("newest", "two", None, MISSING),
    ("newest", "two", NOBODY, NOT_FOUND),
    ("newest", "two", "+447700000101", NOT_FOUND),
    ("newest", "three", None, OK),
    ("newest", "three", STEADY, UNNECESSARY),
    ("newest", "three", OTHER, UNNECESSARY),
    ("middle", "two", None, MISSING),
    ("middle", "three", STEADY, UNNECESSARY),
    ("oldest", "two", STEADY, OK),
    ("oldest", "two", None, (422, "UNIDENTIFIABLE_PHONE_NUMBER")),
    ("oldest", "two", NOBODY, (404, "NOT_FOUND")),
    ("oldest", "three", None, OK),
    ("oldest", "three", STEADY, OK),
    ("oldest", "three", OTHER, CONTEXT),
]
PLACE_RULES = [
    ("newest", "two", {"phoneNumber": STEADY}, OK),
    ("newest", "two", None, MISSING),
    ("newest", "two", IPV6, (422, "UNSUPPORTED_IDENTIFIER")),
    ("newest", "two", {"networkAccessIdentifier": "1@example.com"}, (422, "UNSUPPORTED_IDENTIFIER")),
    ("newest", "two", IPV6 | {"phoneNumber": STEADY}, OK),
    ("newest", "two", {"phoneNumber": NOBODY}, NOT_FOUND),
    ("newest", "two", {}, (400, "INVALID_ARGUMENT")),
    ("newest", "three", None, OK),
    ("newest", "three", {"phoneNumber": STEADY}, UNNECESSARY),
    ("newest", "three", IPV6, UNNECESSARY),
    ("middle", "two", None, MISSING),
    ("middle", "three", {"phoneNumber": STEADY}, UNNECESSARY),
    ("oldest", "two", {"phoneNumber": STEADY}, OK),
    ("oldest", "two", None, (422, "UNIDENTIFIABLE_DEVICE")),
    ("oldest", "two", IPV6, (422, "UNSUPPORTED_DEVICE_IDENTIFIERS")),
    ("oldest", "two", {"phoneNumber": NOBODY}, (404, "DEVICE_NOT_FOUND")),
    ("oldest", "three", None, OK),
    ("oldest", "three", {"phoneNumber": STEADY}, OK),
    ("oldest", "three", {"phoneNumber": OTHER}, CONTEXT),
    ("oldest", "three", IPV6, (422, "UNSUPPORTED_DEVICE_IDENTIFIERS")),
]


def _token(operator: RunningOperator, legs: str, scope: str) -> str:
    if legs == "two":
        return operator.client.token(scope)
    return operator.client.token_for(f"tel:{STEADY}", scope)


@pytest.mark.parametrize(("generation", "legs", "number", "expected"), SWAP_RULES)
def test_a_number_in_the_body(
    operators: dict[str, RunningOperator], generation: str, legs: str, number: str | None, expected: Any
) -> None:
    operator = operators[generation]
    body = {} if number is None else {"phoneNumber": number}
    response = operator.client.call(_token(operator, legs, SWAP), PATHS[generation][0], body)
    assert (response.status_code, response.json().get("code")) == expected


@pytest.mark.parametrize(("generation", "legs", "device", "expected"), PLACE_RULES)
def test_a_device_in_the_body(
    operators: dict[str, RunningOperator], generation: str, legs: str, device: Any, expected: Any
) -> None:
    operator = operators[generation]
    body: dict[str, Any] = {"area": CIRCLE} if device is None else {"area": CIRCLE, "device": device}
    response = operator.client.call(_token(operator, legs, PLACE), PATHS[generation][1], body)
    assert (response.status_code, response.json().get("code")) == expected


def test_the_identifier_that_was_used_comes_back_only_where_it_should(operators: dict[str, RunningOperator]) -> None:
    body = {"area": CIRCLE, "device": IPV6 | {"phoneNumber": STEADY}}
    newest = operators["newest"]
    answer = newest.client.call(newest.client.token(PLACE), PATHS["newest"][1], body).json()
    assert answer["device"] == {"phoneNumber": STEADY}
    three = newest.client.token_for(f"tel:{STEADY}", PLACE)
    assert "device" not in newest.client.call(three, PATHS["newest"][1], {"area": CIRCLE}).json()
    oldest = operators["oldest"]
    assert "device" not in oldest.client.call(oldest.client.token(PLACE), PATHS["oldest"][1], body).json()


@pytest.mark.parametrize(
    ("generation", "swap", "place"),
    [
        ("newest", "SERVICE_NOT_APPLICABLE", "SERVICE_NOT_APPLICABLE"),
        ("middle", "SERVICE_NOT_APPLICABLE", "SERVICE_NOT_APPLICABLE"),
        ("oldest", "NOT_SUPPORTED", "DEVICE_NOT_APPLICABLE"),
    ],
)
def test_a_line_without_the_service(
    operators: dict[str, RunningOperator], generation: str, swap: str, place: str
) -> None:
    operator, number = operators[generation], "+34600000108"
    swapped = operator.client.call(operator.client.token(SWAP), PATHS[generation][0], {"phoneNumber": number})
    placed = operator.client.call(
        operator.client.token(PLACE), PATHS[generation][1], {"area": CIRCLE, "device": {"phoneNumber": number}}
    )
    assert (swapped.status_code, swapped.json()["code"]) == (422, swap)
    assert (placed.status_code, placed.json()["code"]) == (422, place)


def test_a_ported_number_is_known_where_it_went_and_not_where_it_was(operators: dict[str, RunningOperator]) -> None:
    operator = operators["newest"]
    token, arrived = operator.client.token(SWAP), "+4915112345678"
    operator.control.put_subscriber(arrived, events=[{"event": {"type": "activation"}, "agoS": 60}])
    answer = operator.client.call(token, PATHS["newest"][0], {"phoneNumber": arrived})
    assert answer.json() == {"swapped": True}
    operator.control.event(arrived, {"type": "termination"})
    gone = operator.client.call(token, PATHS["newest"][0], {"phoneNumber": arrived})
    assert (gone.status_code, gone.json()["code"]) == NOT_FOUND

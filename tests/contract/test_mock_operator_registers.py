"""What is about no subscriber: how handsets stand, and the names that enterprises register."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.mock.operator.apis.dialects import dialect
from adapters.mock.operator.network.brands import Brands
from adapters.mock.operator.profile import Legs, OfferedApi, load_profile
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_schemas import DEFINITIONS, error_validator, request_validator, response_validator

AUTHENTICITY = ("device-authenticity", "wip-main-55dec08")
BRANDS = [("brand-registration", "0.1.0"), ("brand-registration", "0.2.0-alpha.1")]
VERBS = ("create", "read", "update", "delete")
NAMED = {
    "phoneNumber": "+34600000101",
    "phoneNumberAlternate": "+34600000102",
    "displayName": "Company X",
    "terminatingCountryCode": 34,
    "customerId": "one",
    "verifyCallerAction": "DO_NOT_BRAND",
}
PREVIEWED = {"callPurpose": "Survey", "expiresAt": "2027-01-31", "sink": "https://sink.example.com/here"}
WRITTEN: tuple[Any, ...] = (..., 7, 44, "", "x" * 33, "x" * 2049, "+34600000103", "Survey", [], {}, True, None)
NOBODYS = "b4333c46-49c0-4f62-80d7-f0ef930f1c46"

needs_definitions = pytest.mark.skipif(not DEFINITIONS.is_dir(), reason="the definitions are not beside the project")


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, RunningOperator]]:
    """One operator for each version, for a resource can be served in one version only."""
    base = load_profile("alba")
    with (
        running_operator(_offering(base, AUTHENTICITY, BRANDS[0])) as first,
        running_operator(_offering(base, BRANDS[1])) as second,
    ):
        yield {AUTHENTICITY[1]: first, BRANDS[0][1]: first, BRANDS[1][1]: second}


def _offering(base: Any, *groups: tuple[str, str]) -> Any:
    apis = tuple(OfferedApi(name=api, version=version, legs=frozenset(Legs)) for api, version in groups)
    return base.model_copy(update={"apis": apis})


@pytest.fixture
def operators(started: dict[str, RunningOperator]) -> dict[str, RunningOperator]:
    for operator in started.values():
        operator.control.reset()
    return started


def call(operator: RunningOperator, group: tuple[str, str], method: str, path: str, body: Any = None) -> httpx.Response:
    api = group[0]
    scopes = [f"{api}:{verb}" for verb in VERBS] if api == BRANDS[0][0] else ["device-authenticity:check-status"]
    headers = {"authorization": f"Bearer {operator.client.token(*scopes)}"}
    return operator.client.http.request(method, dialect(*group).base_path + path, json=body, headers=headers)


def problems(group: tuple[str, str], name: str, method: str, response: httpx.Response) -> list[str]:
    good = response_validator(*group, name, method, response.status_code) if response.is_success else None
    return [error.message for error in (good or error_validator(*group)).iter_errors(response.json())]


@pytest.mark.parametrize("standing", ["allowed", "lost", "stolen", "fraud", "unknown"])
@needs_definitions
def test_a_handset_stands_as_it_was_put_down(operators: dict[str, RunningOperator], standing: str) -> None:
    operator, imei = operators[AUTHENTICITY[1]], "350000000000011"
    operator.control.equipment(imei, standing, ago_s=86_400)

    response = call(operator, AUTHENTICITY, "POST", "/check-status", {"imei": imei})

    assert problems(AUTHENTICITY, "/check-status", "POST", response) == []
    told = response.json()
    assert (told["imei"], told["operationalStatus"]) == (imei, standing)
    assert ("reportedDate" in told) is (standing in {"lost", "stolen", "fraud"})


@pytest.mark.parametrize(
    ("imei", "standing", "status", "code"),
    [
        ("350000000000029", "unheard-of", 404, "IDENTIFIER_NOT_FOUND"),
        ("350000000000037", "inapplicable", 422, "SERVICE_NOT_APPLICABLE"),
        ("35000000000003", None, 400, "INVALID_ARGUMENT"),
        ("35000000000003\n", None, 400, "INVALID_ARGUMENT"),
        ("350000000000037\n", None, 400, "INVALID_ARGUMENT"),
    ],
)
def test_a_handset_that_cannot_be_told_about_has_its_code(
    operators: dict[str, RunningOperator], imei: str, standing: str | None, status: int, code: str
) -> None:
    operator = operators[AUTHENTICITY[1]]
    if standing is not None:
        operator.control.equipment(imei, standing)
    response = call(operator, AUTHENTICITY, "POST", "/check-status", {"imei": imei})
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("group", BRANDS, ids=str)
@needs_definitions
def test_a_name_lives_from_its_registration_to_its_end(
    operators: dict[str, RunningOperator], group: tuple[str, str]
) -> None:
    operator, new = operators[group[1]], group == BRANDS[1]
    given = NAMED | (PREVIEWED if new else {})
    created = call(operator, group, "POST", "/registrations", given)
    assert (created.status_code, problems(group, "/registrations", "POST", created)) == (201, [])
    record = created.json()
    assert {name: record[name] for name in given} == given
    one = f"/registrations/{record['registrationId']}"
    assert call(operator, group, "GET", one).json() == record
    twice = call(operator, group, "POST", "/registrations", given)
    assert (twice.status_code, twice.json()["code"]) == (409, "ALREADY_EXISTS")

    changed = call(operator, group, "PUT", one, given | {"displayName": "Company Y"})
    assert (changed.status_code, problems(group, "/registrations/{registrationId}", "PUT", changed)) == (200, [])
    assert changed.json() == record | {"displayName": "Company Y"}

    deleted = call(operator, group, "DELETE", one)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert call(operator, group, "GET", one).status_code == 404


@pytest.mark.parametrize("group", BRANDS, ids=str)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(("name", "status"), [(NOBODYS, 404), ("not-a-uuid", 400)])
def test_a_registration_that_is_not_there_has_its_code(
    operators: dict[str, RunningOperator], group: tuple[str, str], method: str, name: str, status: int
) -> None:
    body = NAMED if method == "PUT" else None
    assert call(operators[group[1]], group, method, f"/registrations/{name}", body).status_code == status


@pytest.mark.parametrize("group", BRANDS, ids=str)
@needs_definitions
def test_a_registration_is_refused_exactly_when_the_definition_refuses_it(
    operators: dict[str, RunningOperator], group: tuple[str, str]
) -> None:
    accepts = request_validator(*group, "/registrations")
    members = [*NAMED, *(PREVIEWED if group == BRANDS[1] else {})]
    verdicts = set()
    for number, (member, value) in enumerate(itertools.product(members, WRITTEN)):
        body = NAMED | {"displayName": f"Company {number}"} | {member: value}
        body = {name: given for name, given in body.items() if given is not ...}
        response = call(operators[group[1]], group, "POST", "/registrations", body)
        assert (response.status_code == 400) is not accepts.is_valid(body), (body, response.text)
        verdicts.add(response.status_code)
    assert verdicts == {201, 400}


def test_registrations_are_their_clients_own() -> None:
    brands = Brands()
    brand = brands.add("one client", {})
    assert brands.of("one client") == [brand]
    assert brands.of("another client") == []

"""What goes wrong, exactly as ordered: by magic number, and by the control API for a target."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.mock_operator import RunningOperator, running_operator

DATE, CHECK = "/sim-swap/v2/retrieve-date", "/sim-swap/v2/check"
PLACE = "/location-verification/v3/verify"
VERIFY = "/number-verification/v2/verify"
CIRCLE = {"areaType": "CIRCLE", "center": {"latitude": 40.4168, "longitude": -3.7038}, "radius": 5000}
STEADY = "+34600000101"


@pytest.fixture(scope="module")
def alba_started() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture
def alba(alba_started: RunningOperator) -> RunningOperator:
    alba_started.control.reset()
    return alba_started


def _about(operator: RunningOperator, ending: str, path: str = CHECK, **request: Any) -> httpx.Response:
    body = {"phoneNumber": operator.number(ending)}
    return operator.client.call(operator.client.token("sim-swap"), path, body, **request)


def _located(operator: RunningOperator, ending: str) -> httpx.Response:
    body = {"device": {"phoneNumber": operator.number(ending)}, "area": CIRCLE}
    return operator.client.call(operator.client.token("location-verification:verify"), PLACE, body)


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        ("000203", 500, "INTERNAL"),
        ("000204", 503, "UNAVAILABLE"),
        ("000205", 429, "TOO_MANY_REQUESTS"),
        ("000206", 429, "QUOTA_EXCEEDED"),
    ],
)
def test_an_operator_in_trouble_says_so_for_every_api(
    alba: RunningOperator, ending: str, status: int, code: str
) -> None:
    for response in (_about(alba, ending), _about(alba, ending, DATE), _located(alba, ending)):
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert "retry-after" not in response.headers


def test_malformed_is_no_json_with_the_length_it_claims(alba: RunningOperator) -> None:
    response = _about(alba, "000207")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert len(response.content) == int(response.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_oversized_is_right_and_far_too_long(alba: RunningOperator) -> None:
    response = _about(alba, "000208")
    assert len(response.content) > 8 * 1024 * 1024
    assert response.json() == {"swapped": False}


def test_wrong_types_look_nearly_right(alba: RunningOperator) -> None:
    assert _about(alba, "000209").json() == {"swapped": "false"}
    date = _about(alba, "000209", DATE).json()["latestSimChange"]
    assert datetime.fromisoformat(date).tzinfo is None
    place = _located(alba, "000209").json()
    assert place["verificationResult"] == 7
    assert datetime.fromisoformat(place["lastLocationTime"]).tzinfo is None


def test_duplicate_members_contradict_each_other(alba: RunningOperator) -> None:
    assert _about(alba, "000210").content == b'{"swapped":true,"swapped":false}'
    assert _about(alba, "000210", DATE).content.startswith(b'{"latestSimChange":null,"latestSimChange":"20')


def test_an_error_page_is_no_json(alba: RunningOperator) -> None:
    response = _about(alba, "000211")
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("text/html")


def test_dates_in_the_future(alba: RunningOperator) -> None:
    for written in (
        _about(alba, "000212", DATE).json()["latestSimChange"],
        _located(alba, "000212").json()["lastLocationTime"],
    ):
        ahead = datetime.fromisoformat(written) - datetime.now(UTC)
        assert timedelta(hours=23) < ahead <= timedelta(hours=24)


def test_faults_of_a_number_follow_its_three_legged_tokens(alba: RunningOperator) -> None:
    token = alba.client.token_for("operatortoken:ot-34600000204", "number-verification:verify")
    assert alba.client.call(token, VERIFY, {"phoneNumber": "+34600000204"}).status_code == 503


def test_slow_is_slow_and_right(alba: RunningOperator) -> None:
    alba.control.fault("latency", {"type": "number", "phoneNumber": STEADY}, delayMs=120)
    token = alba.client.token("sim-swap")
    began = time.monotonic()
    assert alba.client.call(token, CHECK, {"phoneNumber": STEADY}).json() == {"swapped": False}
    assert time.monotonic() - began > 0.11


@pytest.mark.parametrize("ending", ["000201", "000202"])
def test_slow_and_hung_numbers_outlast_a_short_patience(alba: RunningOperator, ending: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        _about(alba, ending, timeout=httpx.Timeout(10, read=0.5))
    assert alba.control.requests(path=CHECK)[-1]["fault"] == ("latency" if ending == "000201" else "hang")
    assert _about(alba, "000101").status_code == 200


def test_a_hang_ends_by_itself(alba: RunningOperator) -> None:
    alba.control.fault("hang", maxMs=60)
    response = alba.client.call("whatever", CHECK, {})
    assert (response.status_code, response.json()["code"]) == (504, "TIMEOUT")


def test_a_dripping_answer_defeats_a_read_timeout(alba: RunningOperator) -> None:
    alba.control.fault("drip", intervalMs=60)
    token_form = {"grant_type": "client_credentials"}
    began = time.monotonic()
    response = alba.client.http.post("/oauth2/token", data=token_form, timeout=2.5)
    assert response.json()["error"] == "invalid_client"
    assert time.monotonic() - began > 2.5


TARGETS = {
    "everything": {"type": "everything"},
    "token": {"type": "token"},
    "api": {"type": "api", "api": "sim-swap"},
    "number": {"type": "number", "phoneNumber": STEADY},
}


@pytest.mark.parametrize(
    ("target", "struck"),
    [
        ("everything", {"token", "swap steady", "swap other", "place steady"}),
        ("token", {"token"}),
        ("api", {"swap steady", "swap other"}),
        ("number", {"swap steady", "place steady"}),
    ],
)
def test_a_fault_strikes_its_target_and_nothing_else(alba: RunningOperator, target: str, struck: set[str]) -> None:
    swap, place = alba.client.token("sim-swap"), alba.client.token("location-verification:verify")
    alba.control.fault("status", TARGETS[target], status=503)
    located = {"device": {"phoneNumber": STEADY}, "area": CIRCLE}
    answers = {
        "token": alba.client.ask_two_legged("sim-swap"),
        "swap steady": alba.client.call(swap, CHECK, {"phoneNumber": STEADY}),
        "swap other": alba.client.call(swap, CHECK, {"phoneNumber": "+34600000102"}),
        "place steady": alba.client.call(place, PLACE, located),
    }
    assert {name for name, answer in answers.items() if answer.status_code == 503} == struck
    assert {answer.status_code for answer in answers.values()} <= {200, 503}
    alba.control.no_faults()
    assert alba.client.call(swap, CHECK, {"phoneNumber": STEADY}).status_code == 200


def test_the_most_specific_fault_acts(alba: RunningOperator) -> None:
    alba.control.fault("status", TARGETS["everything"], name="a", status=500)
    alba.control.fault("status", TARGETS["api"], name="b", status=502)
    alba.control.fault("status", TARGETS["number"], name="c", status=503)
    alba.control.fault("status", TARGETS["token"], name="d", status=504)
    assert alba.client.ask_two_legged("sim-swap").status_code == 504
    alba.control.http.delete("/faults/d")
    alba.control.http.delete("/faults/a")
    token = alba.client.token("sim-swap")
    assert alba.client.call(token, CHECK, {"phoneNumber": STEADY}).status_code == 503
    assert alba.client.call(token, CHECK, {"phoneNumber": "+34600000102"}).status_code == 502


def test_a_counted_fault_ends_with_its_count(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    alba.control.fault("too_many", TARGETS["api"], count=2, code="TOO_MANY_REQUESTS", retryAfterS=1)
    answers = [alba.client.call(token, CHECK, {"phoneNumber": STEADY}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 200, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert alba.control.http.get("/faults").json() == {}


@pytest.mark.parametrize(
    ("kind", "knobs"),
    [
        ("malformed", {}),
        ("html", {}),
        ("oversized", {"sizeBytes": 100_000}),
        ("duplicate_members", {}),
        ("wrong_type", {}),
        ("too_many", {"code": "QUOTA_EXCEEDED"}),
    ],
)
def test_the_token_endpoint_can_be_as_wrong(alba: RunningOperator, kind: str, knobs: dict[str, Any]) -> None:
    alba.control.fault(kind, TARGETS["token"], count=1, **knobs)
    spoiled = alba.client.ask_two_legged("sim-swap")
    right = alba.client.ask_two_legged("sim-swap")
    assert right.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
    if kind == "wrong_type":
        assert spoiled.json()["expires_in"] == "900"
    elif kind == "oversized":
        assert len(spoiled.content) > 100_000
    elif kind == "duplicate_members":
        assert spoiled.content.count(b'"access_token"') == 2
    elif kind == "too_many":
        # A gateway's error has no `error` member: a client that takes any JSON for a token would keep it.
        assert spoiled.json().keys() == {"status", "code", "message"}
    else:
        with pytest.raises(json.JSONDecodeError):
            spoiled.json()


def test_faults_that_change_members_leave_errors_alone(alba: RunningOperator) -> None:
    for kind in ("wrong_type", "future_date"):
        alba.control.fault(kind)
        assert alba.client.call(None, CHECK, {}).json()["status"] == 401


def test_the_journal_names_what_was_done(alba: RunningOperator) -> None:
    _about(alba, "000203")
    assert alba.control.requests(path=CHECK)[-1]["fault"] == "status"

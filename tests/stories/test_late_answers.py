"""What operators say after the deadline: adverse answers amend the check, clean ones are remembered for the next."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stage import MADRID, Stage, set_stage

STEADY = "+34600000101"
ELSEWHERE = {"latitude": 41.3874, "longitude": 2.1686, "radiusM": 5000}
HERE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))
ACTION = {
    "type": "payment.transfer",
    "amount": {"value": "950.00", "currency": "EUR"},
    "attributes": {"newPayee": False},
}
SLOW_PLACE = {"type": "api", "api": "location-verification"}
# Longer than the deadline below, and shorter than the 1200 ms that a call to this operator may take.
DELAY_MS, DEADLINE_MS = 1050, 850
PATIENT = {
    "attempt_start_ms = 1200": "attempt_start_ms = 9000",
    "attempt_max_ms = 2500": "attempt_max_ms = 9000",
    "late_answers_ms = 2000": "late_answers_ms = 20000",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where people are is slow to tell."""
    with set_stage(tmp_path_factory.mktemp("late"), changes=PATIENT) as standing:
        slow_to_tell_places(standing)
        yield standing


def slow_to_tell_places(stage: Stage) -> None:
    """From now on; tokens and connections are there."""
    ask(stage, HERE, number="+34600000117")
    stage.alba.control.fault("latency", SLOW_PLACE, delayMs=DELAY_MS)


def ask(stage: Stage, place: dict[str, float], number: str = STEADY) -> dict[str, Any]:
    body = {
        "subject": {"phoneNumber": number, "location": place},
        "action": ACTION,
        "purpose": "FraudPreventionAndDetection",
        "deadlineMs": DEADLINE_MS,
    }
    with stage.broker.http(stage.broker.analyst_key) as http:
        answer: dict[str, Any] = http.post("/v1/trust-checks", json=body).raise_for_status().json()
    return answer


def place_of(answer: dict[str, Any]) -> tuple[str, str | None]:
    signal = next(one for one in answer["signals"] if one["name"] == "location")
    return signal["state"], signal.get("reason") or signal.get("value")


def remembered(answer: dict[str, Any]) -> bool:
    signal = next(one for one in answer["signals"] if one["name"] == "location")
    return bool(signal["state"] == "observed" and signal["source"]["cached"])


def amended(http: httpx.Client, check: str) -> dict[str, Any]:
    """The check once it has settled again."""
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        found: dict[str, Any] = http.get(f"/v1/trust-checks/{check}").raise_for_status().json()
        if place_of(found)[0] == "observed":
            return found
        time.sleep(0.05)
    raise AssertionError("the check was never amended")


def test_an_adverse_answer_amends_the_check_and_its_receipt_is_good_for_nothing(stage: Stage) -> None:
    first = ask(stage, ELSEWHERE)
    assert (first["decision"], place_of(first)) == ("allow", ("unavailable", "late"))
    with stage.broker.http(stage.broker.analyst_key) as http:
        second = amended(http, first["id"])
        assert (second["decision"], place_of(second)) == ("step_up", ("observed", "outside"))
        refused = http.post("/v1/receipts/consume", json={"receipt": first["receipt"]})
        assert refused.status_code == 409
    with stage.broker.http(stage.broker.key("acme", "policy:read")) as http:
        assert http.post(f"/v1/trust-checks/{first['id']}/replay").json()["identical"]
    assert stage.rows("select count(*) from log_leaves where check_id like ?", f"{first['id']}%") == [(2,)]


def test_a_clean_answer_only_serves_the_next_check(stage: Stage) -> None:
    first = ask(stage, HERE)
    assert place_of(first) == ("unavailable", "late")
    until_s = time.monotonic() + 20
    while not remembered(ask(stage, HERE)):
        assert time.monotonic() < until_s, "the answer was not remembered"
        time.sleep(0.05)
    with stage.broker.http(stage.broker.analyst_key) as http:
        still = http.get(f"/v1/trust-checks/{first['id']}").raise_for_status().json()
    assert (still["decision"], still["receipt"]) == (first["decision"], first["receipt"])


def test_a_broker_that_stops_leaves_its_checks_as_they_settled(tmp_path: Path) -> None:
    with set_stage(tmp_path, changes=PATIENT) as stage:
        slow_to_tell_places(stage)
        check = ask(stage, ELSEWHERE)["id"]
    found = stage.rows("select decision, status from checks where check_id = ?", check)
    leaves = stage.rows("select count(*) from log_leaves where check_id like ?", f"{check}%")
    assert (found, leaves) == ([("allow", "settled")], [(1,)])

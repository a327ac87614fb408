"""The control API: who may use it, what it refuses, and what it remembers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from litestar import get
from litestar.connection import ASGIConnection

from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.control import guard
from adapters.mock.operator.world import ControlAccess
from tests.support.mock_operator import CONTROL_KEY, RunningOperator, running_operator
from tests.support.mock_operator_client import PURPOSE

CHECK = "/sim-swap/v2/check"
STEADY = "+34600000101"


@pytest.fixture(scope="module")
def alba_started() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture
def alba(alba_started: RunningOperator) -> RunningOperator:
    alba_started.control.reset()
    return alba_started


@pytest.mark.parametrize("key", ["None", "wrong", CONTROL_KEY + "x", CONTROL_KEY.upper()])
def test_only_the_key_opens_it(alba: RunningOperator, key: str) -> None:
    for headers in ({}, {"authorization": f"Bearer {key}"}, {"authorization": f"Basic {CONTROL_KEY}"}):
        response = alba.client.http.get("/control/clock", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")


def test_without_a_key_it_is_closed() -> None:
    with running_operator("alba", control=ControlAccess(None)) as operator:
        for header in ("Bearer", "Bearer None", f"Bearer {CONTROL_KEY}"):
            assert operator.client.http.get("/control/clock", headers={"authorization": header}).status_code == 401


def test_an_access_token_does_not_open_it_and_its_key_opens_no_api(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    assert alba.client.http.get("/control/clock", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert alba.client.call(CONTROL_KEY, CHECK, {"phoneNumber": STEADY}).status_code == 401


def test_a_subscriber_can_be_made_read_and_changed(alba: RunningOperator) -> None:
    number = "+34600555555"
    made = alba.control.put_subscriber(
        number,
        events=[
            {"event": {"type": "sim_change", "cause": "port_in"}, "agoS": 60},
            {"event": {"type": "activation"}, "at": "2020-01-01T00:00:00+02:00"},
        ],
        retention={"hours": 240, "disclosed": False},
        simNumber=STEADY,
        fault={"type": "latency", "delayMs": 5},
    )
    assert [entry["event"]["type"] for entry in made["events"]] == ["activation", "sim_change"]
    assert alba.control.subscriber(number) == made
    alba.control.event(number, {"type": "device_change"}, ago_s=30)
    assert len(alba.control.subscriber(number)["events"]) == 3
    assert alba.control.http.get("/subscribers/+34600000404").status_code == 404


BAD_EVENTS: list[Any] = [
    {},
    {"event": {}},
    {"event": {"type": "unknown"}},
    {"event": {"type": "sim_change", "cause": "magic"}},
    {"event": {"type": "seen", "latitude": 91, "longitude": 0}},
    {"event": {"type": "sim_change"}, "at": "2026-01-01T00:00:00"},
    {"event": {"type": "sim_change"}, "agoS": 1e300},
    {"event": {"type": "sim_change"}, "ago": 5},
    {"event": {"type": "sim_change", "extra": 5}},
]


@pytest.mark.parametrize("body", BAD_EVENTS)
def test_an_event_that_makes_no_sense_is_refused(alba: RunningOperator, body: Any) -> None:
    before = alba.control.subscriber(STEADY)
    response = alba.control.http.post(f"/subscribers/{STEADY}/events", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert alba.control.subscriber(STEADY) == before


@pytest.mark.parametrize(
    "body",
    [
        {"target": {"type": "everything"}},
        {"target": {"type": "everything"}, "fault": {"type": "meteor"}},
        {"target": {"type": "api"}, "fault": {"type": "html"}},
        {"target": {"type": "everything"}, "fault": {"type": "latency", "delayMs": 10_000_000}},
        {"target": {"type": "everything"}, "fault": {"type": "oversized", "sizeBytes": 10**12}},
        {"target": {"type": "everything"}, "fault": {"type": "status", "status": 200}},
        {"target": {"type": "everything"}, "fault": {"type": "html"}, "count": 0},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(alba: RunningOperator, body: Any) -> None:
    response = alba.control.http.put("/faults/x", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert alba.control.http.get("/faults").json() == {}


def test_a_fault_that_is_not_there_cannot_be_removed(alba: RunningOperator) -> None:
    assert alba.control.http.delete("/faults/none").status_code == 404


def test_the_clock_is_put_moved_and_bounded(alba: RunningOperator) -> None:
    control = alba.control.http
    moved = control.put("/clock", json={"now": "2030-01-01T00:00:00Z"}).json()
    assert moved["network"].startswith("2030-01-01T00:00:0")
    assert not moved["authorization"].startswith("2030")
    assert control.post("/clock/advance", json={"seconds": 3600}).json()["network"].startswith("2030-01-01T01:00:0")
    both = control.put("/clock", json={"now": "2031-01-01T00:00:00Z", "authorization": True}).json()
    apart = datetime.fromisoformat(both["authorization"]) - datetime.fromisoformat(moved["authorization"])
    assert 364 <= apart.days <= 366
    assert control.post("/clock/advance", json={"seconds": 2.5e9}).status_code == 200
    assert control.post("/clock/advance", json={"seconds": 2.5e9}).json()["code"] == "LIMIT_EXCEEDED"
    assert control.post("/clock/advance", json={"seconds": 1e12}).status_code == 400
    assert control.put("/clock", json={"now": "2030-01-01T00:00:00"}).status_code == 400


def test_a_reset_starts_over(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    alba.control.event(STEADY, {"type": "termination"})
    alba.control.advance(3600, authorization=True)
    alba.control.fault("html", {"type": "number", "phoneNumber": "+34600000102"})
    alba.control.reset()
    assert alba.control.requests() == []
    assert alba.client.call(token, CHECK, {"phoneNumber": STEADY}).status_code == 401
    fresh = alba.client.token("sim-swap")
    assert alba.client.call(fresh, CHECK, {"phoneNumber": STEADY}).status_code == 200
    assert alba.client.call(fresh, CHECK, {"phoneNumber": "+34600000102"}).status_code == 200


def test_the_journal_says_who_asked_what_for_which_purpose(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    alba.client.call(token, CHECK, {"phoneNumber": STEADY}, headers={"x-correlator": "c-1"})
    alba.client.call(token, CHECK, {"phoneNumber": "+34600000404"}, headers={"x-correlator": "c-2"})
    alba.client.call(None, CHECK, {}, headers={"x-correlator": "c-3"})
    asked = alba.control.requests(path=CHECK)
    told = [(e["method"], e["client"], e["purpose"], e["correlator"], e["code"], e["status"]) for e in asked]
    purpose = PURPOSE.removeprefix("dpv:")
    assert told == [
        ("POST", "trust-broker", purpose, "c-1", None, 200),
        ("POST", "trust-broker", purpose, "c-2", "IDENTIFIER_NOT_FOUND", 404),
        ("POST", None, None, "c-3", "UNAUTHENTICATED", 401),
    ]
    assert len(alba.control.requests(correlator="c-2")) == 1
    assert [e["purpose"] for e in alba.control.requests(path="/oauth2/token")] == [purpose]


def test_the_journal_holds_no_numbers_and_no_tokens(alba: RunningOperator) -> None:
    token = alba.client.token_for(f"operatortoken:ot-{STEADY[1:]}", "number-verification:verify")
    alba.client.call(token, "/number-verification/v2/verify", {"phoneNumber": STEADY})
    kept = alba.control.http.get("/requests").text
    assert token not in kept
    assert STEADY[1:] not in kept


def test_the_control_api_is_not_in_its_own_journal_and_can_count(alba: RunningOperator) -> None:
    for _ in range(5):
        alba.client.call(None, CHECK, {})
    answer = alba.control.http.get("/requests", params={"limit": 2}).json()
    assert answer["total"] == 5
    assert [entry["number"] for entry in answer["requests"]] == [4, 5]
    assert alba.control.http.get("/requests", params={"limit": 0}).status_code == 400
    alba.control.forget_requests()
    assert alba.control.http.get("/requests").json() == {"total": 0, "requests": []}


def test_another_operator_has_another_journal(alba: RunningOperator) -> None:
    with running_operator("borealis") as other:
        other.client.token("sim-swap")
        assert alba.control.requests() == []
        assert len(other.control.requests()) == 1


@pytest.mark.parametrize(
    ("host", "remote", "code"),
    [
        ("127.0.0.1", False, None),
        ("::1", False, None),
        ("192.0.2.7", False, "PERMISSION_DENIED"),
        ("192.0.2.7", True, None),
        (None, False, "PERMISSION_DENIED"),
    ],
)
def test_it_is_for_this_machine_unless_said_otherwise(host: str | None, remote: bool, code: str | None) -> None:
    headers = [(b"authorization", f"Bearer {CONTROL_KEY}".encode())]
    scope: Any = {"type": "http", "client": None if host is None else (host, 4711), "headers": headers}
    check, handler = guard(ControlAccess(CONTROL_KEY, remote=remote)), get("/")(_nothing)
    try:
        check(ASGIConnection(scope), handler)
        refused = None
    except CamaraError as error:
        refused = error.info.code
    assert refused == code


async def _nothing() -> None:
    """A handler to be guarded."""

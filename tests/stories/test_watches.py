"""Continuous trust: somebody is looked at again and again, and whoever wants to know hears when it is worse."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest

from tests.stories.test_reviews import until
from tests.support.clocks import HandClock
from tests.support.sinks import Sink, running_sink
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
STEADY, OTHER = "+34600000101", "+34600000105"
HOUR_S = 3600
SCOPES = ("trust:watch", "trust:check", "events:manage", "privacy:write", "tenant:admin")
CHANGES = {
    'private_addresses = "refused"': 'private_addresses = "allowed"',
    "look_ms = 500": "look_ms = 20",
    "look_s = 5\n": "look_s = 0.02\n",
    "per_tenant_max = 1000": "per_tenant_max = 3",
}


class Desk(NamedTuple):
    """A tenant that watches, and where it hears of it."""

    stage: Stage
    clock: HandClock
    tenant: str
    http: httpx.Client
    sink: Sink

    def start(self, number: str = STEADY, **members: Any) -> httpx.Response:
        wanted = {"phoneNumber": number, "actionType": "profile.change", "purpose": "FraudPreventionAndDetection"}
        return self.http.post("/v1/watches", json=wanted | {"everyS": HOUR_S} | members)

    def started(self, number: str = STEADY, **members: Any) -> dict[str, Any]:
        answer = self.start(number, **members)
        assert answer.status_code == 201, answer.text
        return self.after(dict(answer.json()), looks=1)

    def now(self, watch: dict[str, Any]) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/watches/{watch['id']}").json())

    def after(self, watch: dict[str, Any], looks: int) -> dict[str, Any]:
        until(lambda: self.now(watch)["looks"] >= looks)
        return self.now(watch)

    def end_all(self) -> None:
        for one in self.http.get("/v1/watches").json()["watches"]:
            if one["status"] == "watching":
                until(partial(self.ended, f"/v1/watches/{one['id']}"))

    def ended(self, path: str) -> bool:
        return self.http.delete(path).is_success

    def told(self) -> list[dict[str, Any]]:
        kinds = ("watch.worsened", "watch.unsure", "watch.ended")
        return [one.event for one in self.sink.arrivals() if any(kind in one.event["type"] for kind in kinds)]


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("watches"), clock=clock, changes=CHANGES) as stage:
        yield stage, clock


@pytest.fixture
def desk(building: tuple[Stage, HandClock]) -> Iterator[Desk]:
    stage, clock = building
    tenant = f"watcher-{next(_TENANTS)}"
    with running_sink() as sink, stage.broker.http(stage.broker.key(tenant, *SCOPES, consumer="desk")) as http:
        assert http.post("/v1/webhooks", json={"url": sink.url, "events": []}).status_code == 201
        desk = Desk(stage, clock, tenant, http, sink)
        yield desk
        desk.end_all()  # or they look on in the stories after this one, whose clock is the same
    stage.alba.control.reset()


def test_who_gets_a_new_sim_is_told_of_and_nothing_else_is(desk: Desk) -> None:
    watch = desk.started()
    assert (watch["decision"], watch["status"]) == ("allow", "watching")
    desk.clock.advance(HOUR_S)
    desk.after(watch, looks=2)
    assert desk.told() == []
    desk.stage.alba.control.event(STEADY, {"type": "sim_change"})
    desk.clock.advance(HOUR_S)
    worse = desk.after(watch, looks=3)
    until(lambda: len(desk.told()) == 1)
    (event,) = desk.told()
    assert event["type"] == "trust-broker.watch.worsened.v1"
    expected = {"watchId": watch["id"], "was": "allow", "decision": worse["decision"], "verdict": "suspicious"}
    assert expected.items() <= event["data"].items()
    assert STEADY not in str(event)
    # Each look is a check like any other: recorded, metered, in the name of the consumer that wants to know.
    check = desk.http.get(f"/v1/trust-checks/{event['data']['checkId']}").json()
    assert check["decision"] == worse["decision"] != "allow"
    assert desk.http.get("/v1/metering").json()["checks"] == 3
    assert {line["consumer"] for line in desk.http.get("/v1/metering").json()["lines"]} == {"desk"}


def test_what_cannot_be_seen_is_no_accusation(desk: Desk) -> None:
    watch = desk.started(OTHER)
    desk.stage.alba.control.fault("status", {"type": "api", "api": "sim-swap"}, status=503)
    desk.clock.advance(HOUR_S)
    unsure = desk.after(watch, looks=2)
    until(lambda: len(desk.told()) == 1)
    assert (desk.told()[0]["type"], unsure["unsure"]) == ("trust-broker.watch.unsure.v1", True)
    assert unsure["decision"] == watch["decision"], "what was seen last still stands to be compared with"


def test_a_pause_an_erasure_and_an_end_are_honoured(desk: Desk) -> None:
    watch = desk.started()
    calls = desk.stage.operator_calls()
    assert desk.http.post("/v1/subjects/pause", json={"phoneNumber": STEADY, "on": True}).is_success
    desk.clock.advance(HOUR_S)
    until(lambda: desk.now(watch).get("code") == "PAUSED")
    assert (desk.stage.operator_calls(), desk.now(watch)["looks"]) == (calls, 1)
    assert desk.http.post("/v1/subjects/pause", json={"phoneNumber": STEADY, "on": False}).is_success
    assert desk.http.post("/v1/subjects/erase", json={"phoneNumber": STEADY}).is_success
    desk.clock.advance(HOUR_S)
    until(lambda: desk.now(watch)["status"] == "ended")
    assert desk.now(watch)["code"] == "ERASED"
    other = desk.started(OTHER, days=1)
    ended = desk.http.delete(f"/v1/watches/{other['id']}").json()
    assert (ended["status"], ended["code"]) == ("ended", "WITHDRAWN")
    third = desk.started(OTHER, days=1)
    desk.clock.advance(24 * HOUR_S)
    until(lambda: desk.now(third)["status"] == "expired")
    until(lambda: len([one for one in desk.told() if "ended" in one["type"]]) == 3)
    rows = desk.stage.rows("SELECT DISTINCT sealed, due_ms FROM watches WHERE tenant = ?", desk.tenant)
    assert rows == [(b"", None)], "nobody keeps the number of a watch that is over"


def test_a_consumer_without_any_credential_is_told_nothing_more(desk: Desk) -> None:
    key = desk.stage.broker.key(desk.tenant, "trust:watch", consumer="gone", agent="till")
    with desk.stage.broker.http(key) as http:
        wanted = {"phoneNumber": OTHER, "actionType": "sim.order", "purpose": "FraudPreventionAndDetection"}
        watch = http.post("/v1/watches", json=wanted | {"everyS": HOUR_S}).json()
        until(lambda: http.get(f"/v1/watches/{watch['id']}").json()["looks"] == 1)
        assert desk.http.get(f"/v1/watches/{watch['id']}").status_code == 404, "another consumer's"
    (row,) = [one for one in desk.http.get(f"/v1/tenants/{desk.tenant}/keys").json()["keys"] if one["agent"] == "till"]
    assert desk.http.delete(f"/v1/tenants/{desk.tenant}/keys/{row['keyId']}").is_success
    desk.clock.advance(HOUR_S)
    ended = "SELECT state, code FROM watches WHERE tenant = ? AND consumer = 'gone'"
    until(lambda: desk.stage.rows(ended, desk.tenant) == [("ended", "NO_CREDENTIAL")])


def test_what_is_no_watch_is_refused(desk: Desk) -> None:
    for members, pointer in (
        ({"everyS": 60}, "/everyS"),
        ({"days": 400}, "/expiresAt"),
        ({"purpose": "Curiosity"}, "/purpose"),
        ({"actionType": "no.such.thing"}, "/action/type"),
        ({"phoneNumber": "+34"}, "/phoneNumber"),
    ):
        refused = desk.start(**members)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer), refused.text
    watch = desk.started()
    assert desk.start().status_code == 409
    for action in ("sim.order", "credential.reset"):
        desk.started(actionType=action)
    refused = desk.start(OTHER)
    assert (refused.status_code, "3 watches" in refused.json()["detail"]) == (409, True)
    with desk.stage.broker.http(desk.stage.broker.key(desk.tenant, "trust:check")) as http:
        assert http.get("/v1/watches").status_code == 403
    for one in desk.http.get("/v1/watches").json()["watches"]:
        assert desk.http.delete(f"/v1/watches/{one['id']}").is_success
    assert desk.http.get(f"/v1/watches/{watch['id']}").json()["status"] == "ended"

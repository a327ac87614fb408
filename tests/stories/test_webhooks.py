"""Events, told to whoever wants to hear of them: signed, in order, again until they arrive; over the real broker."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from standardwebhooks import Webhook

from tests.stories.test_policies import ask
from tests.stories.test_reviews import RULING, until
from tests.support.sinks import Arrival, Sink, running_sink
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
QUICKLY = {
    'private_addresses = "refused"': 'private_addresses = "allowed"',
    "look_ms = 500": "look_ms = 20",
    "attempts_max = 10": "attempts_max = 3",
    "retry_first_s = 5": "retry_first_s = 0.05",
    "retry_factor = 6": "retry_factor = 1",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("webhooks"), changes=QUICKLY) as standing:
        yield standing


class Ear(NamedTuple):
    """A tenant with an agent, a reviewer, and somebody who manages webhooks; and where events arrive."""

    tenant: str
    till: httpx.Client
    ana: httpx.Client
    ops: httpx.Client
    sink: Sink

    def listen(self, *events: str) -> dict[str, Any]:
        answer = self.ops.post("/v1/webhooks", json={"url": self.sink.url, "events": events})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def hook(self, webhook: dict[str, Any]) -> dict[str, Any]:
        return dict(self.ops.get(f"/v1/webhooks/{webhook['id']}").json())


@pytest.fixture
def ear(stage: Stage) -> Iterator[Ear]:
    tenant = f"bank-{next(_TENANTS)}"
    broker = stage.broker
    with (
        running_sink() as sink,
        broker.http(broker.key(tenant, "trust:check", consumer="shop", agent="till")) as till,
        broker.http(broker.key(tenant, "trust:review", consumer="ana")) as ana,
        broker.http(broker.key(tenant, "events:manage", consumer="ops")) as ops,
    ):
        yield Ear(tenant, till, ana, ops, sink)


def signed_by(arrival: Arrival, secret: str) -> dict[str, Any]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return dict(Webhook(secret).verify(arrival.body, {name: arrival.headers[name] for name in names}))


def test_a_check_and_its_review_are_told_in_order_and_signed(ear: Ear) -> None:
    webhook = ear.listen()
    check = ask(ear.till, action={"type": "sim.order"})
    review = ear.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": "a secret of mine"}).json()
    path = f"/v1/reviews/{review['id']}"
    assert ear.ana.post(f"{path}/claim").status_code == 200
    assert ear.ana.post(f"{path}/decide", json=RULING).status_code == 200
    until(lambda: len(ear.sink.arrivals()) >= 4)
    arrivals = ear.sink.arrivals()
    told = [signed_by(arrival, webhook["secret"]) for arrival in arrivals]
    assert [event["type"].removeprefix("trust-broker.") for event in told][:4] == [
        "check.settled.v1",
        "review.requested.v1",
        "review.claimed.v1",
        "review.decided.v1",
    ]
    first = told[0]
    assert (first["specversion"], first["subject"], first["datacontenttype"]) == (
        "1.0",
        check["id"],
        "application/json",
    )
    assert first["data"]["decision"] == check["decision"]
    assert told[3]["data"] == {
        "checkId": check["id"],
        "reviewId": review["id"],
        "state": "decided",
        "ruling": "approve",
        "code": "CUSTOMER_CONFIRMED",
    }
    for arrival in arrivals:
        assert arrival.headers["content-type"] == "application/cloudevents+json"
        assert arrival.headers["webhook-id"] == arrival.event["id"]
        for kept in (b"+34", b"eyJ", b"secret of mine", b"called back", b"trustScore", b"950.00"):
            assert kept not in arrival.body
    until(lambda: "waiting" not in ear.hook(webhook))


def test_only_what_was_asked_for_is_told_and_to_its_own_tenant(ear: Ear, stage: Stage) -> None:
    ear.listen("review.requested")
    with stage.broker.http(stage.broker.key("globex", "trust:check", consumer="shop", agent="till")) as stranger:
        foreign = ask(stranger, action={"type": "sim.order"})
        stranger.post(f"/v1/trust-checks/{foreign['id']}/reviews", json={})
    check = ask(ear.till, action={"type": "sim.order"})
    ear.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={})
    until(lambda: len(ear.sink.arrivals()) >= 1)
    assert [(one.event["subject"], one.event["type"]) for one in ear.sink.arrivals()] == [
        (check["id"], "trust-broker.review.requested.v1")
    ]


def test_it_is_tried_again_with_the_same_id_until_it_arrives(ear: Ear) -> None:
    webhook = ear.listen("check.settled")
    ear.sink.statuses = [500, 302]
    ask(ear.till)
    until(lambda: len(ear.sink.arrivals()) >= 3)
    until(lambda: "waiting" not in ear.hook(webhook))
    arrivals = ear.sink.arrivals()
    assert len(arrivals) == 3
    assert len({one.headers["webhook-id"] for one in arrivals}) == 1
    assert len({one.body for one in arrivals}) == 1


def test_after_the_last_attempt_it_is_given_up_and_can_be_sent_once_more(ear: Ear) -> None:
    webhook = ear.listen("check.settled")
    ear.sink.statuses = [500] * 3
    check = ask(ear.till)
    until(lambda: ear.hook(webhook).get("dead") == 1)
    assert "waiting" not in ear.hook(webhook)
    assert ear.ops.post(f"/v1/webhooks/{webhook['id']}/redeliver").status_code == 200
    until(lambda: len(ear.sink.arrivals()) == 4)
    assert {one.event["subject"] for one in ear.sink.arrivals()} == {check["id"]}
    until(lambda: "dead" not in ear.hook(webhook))


def test_a_receiver_that_is_gone_is_left_alone(ear: Ear) -> None:
    webhook = ear.listen("check.settled")
    ear.sink.statuses = [410]
    ask(ear.till)
    until(lambda: "disabledAt" in ear.hook(webhook))
    assert ear.hook(webhook)["disabledWhy"] == "GONE"
    ask(ear.till)
    assert ear.hook(webhook).get("dead") == 1
    assert len(ear.sink.arrivals()) == 1


def test_one_that_hangs_keeps_no_other_waiting(ear: Ear) -> None:
    with httpx.Client() as _, running_sink() as other:
        quiet = ear.ops.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/in"}).json()
        heard = ear.ops.post("/v1/webhooks", json={"url": other.url, "events": ["check.settled"]}).json()
        for _ in range(3):
            ask(ear.till)
        until(lambda: len(other.arrivals()) == 3)
        until(lambda: ear.hook(quiet).get("dead") == 3)
        assert "dead" not in ear.hook(heard)


def test_a_secret_changes_over_without_a_gap(ear: Ear) -> None:
    webhook = ear.listen("check.settled")
    turned = ear.ops.post(f"/v1/webhooks/{webhook['id']}/rotate").json()
    assert turned["secret"] != webhook["secret"]
    assert turned["publicKey"] != webhook["publicKey"]
    check = ask(ear.till)
    until(lambda: len(ear.sink.arrivals()) == 1)
    (arrival,) = ear.sink.arrivals()
    assert {signed_by(arrival, one["secret"])["subject"] for one in (webhook, turned)} == {check["id"]}
    assert ear.ops.post(f"/v1/webhooks/{webhook['id']}/rotate").status_code == 409, "the last change-over is not over"


def test_a_webhook_that_was_deleted_hears_nothing_more(ear: Ear) -> None:
    webhook = ear.listen()
    assert ear.ops.delete(f"/v1/webhooks/{webhook['id']}").json()["id"] == webhook["id"]
    assert ear.ops.get("/v1/webhooks").json() == {"webhooks": []}
    ask(ear.till)
    assert ear.sink.arrivals() == []


def test_webhooks_are_their_tenants_and_need_their_scope(ear: Ear, stage: Stage) -> None:
    webhook = ear.listen()
    path = f"/v1/webhooks/{webhook['id']}"
    with stage.broker.http(stage.broker.key("globex", "events:manage", consumer="eve")) as eve:
        assert eve.get("/v1/webhooks").json() == {"webhooks": []}
        answers = [eve.get(path), eve.delete(path), eve.post(f"{path}/rotate"), eve.post(f"{path}/redeliver")]
        assert [answer.status_code for answer in answers] == [404] * 4
    answers = [ear.till.get("/v1/webhooks"), ear.till.post("/v1/webhooks", json={"url": ear.sink.url})]
    assert [answer.status_code for answer in answers] == [403] * 2
    assert "secret" not in ear.hook(webhook)


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": ""}, "/url"),
        ({}, "/url"),
        ({"url": "https://example.com/", "events": ["check.settled", "check.settled"]}, "/events"),
        ({"url": "https://example.com/", "events": ["check.*"]}, "/events/0"),
        ({"url": "https://example.com/", "secret": "mine"}, "/secret"),
    ],
)
def test_bad_input_is_told_where_it_is(ear: Ear, sent: dict[str, Any], pointer: str) -> None:
    answer = ear.ops.post("/v1/webhooks", json=sent)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (400, [pointer])

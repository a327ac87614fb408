"""The client against the broker: an agent's own key, waiting for a human, and a receipt that is used once."""

import threading

import pytest

from broker.client import Action, AsyncTrustBroker, BrokerRefused, TrustBroker
from broker.client.oauth import PrivateKeyJwt
from tests.support.oauth import Agent, registered
from tests.support.stage import Stage

STEADY = "+34600000101"


def credential(agent: Agent, issuer: str) -> PrivateKeyJwt:
    return PrivateKeyJwt(agent.client_id, agent.key.as_pem(private=True), issuer=issuer, scopes=("trust:check",))


def test_an_agent_with_a_key_of_its_own(stage: Stage) -> None:
    agent = registered(stage.broker)
    with TrustBroker(stage.broker.url, credential(agent, stage.broker.url)) as broker:
        answer = broker.check(STEADY, "sign_in.hint")
        assert broker.read(answer.id).receipt == answer.receipt


async def test_the_same_without_blocking(stage: Stage) -> None:
    agent = registered(stage.broker)
    async with AsyncTrustBroker(stage.broker.url, credential(agent, stage.broker.url)) as broker:
        assert (await broker.check(STEADY, "sign_in.hint")).allowed


def test_a_key_that_the_broker_does_not_know_gets_no_token(stage: Stage) -> None:
    one, other = registered(stage.broker), registered(stage.broker)
    one.key = other.key
    with TrustBroker(stage.broker.url, credential(one, stage.broker.url)) as broker, pytest.raises(BrokerRefused):
        broker.check(STEADY, "sign_in.hint")


def test_a_receipt_is_used_once_and_for_its_action(stage: Stage) -> None:
    action = Action("sign_in.hint", resource="account:77", attributes={"device": "new"})
    with stage.broker.client() as broker:
        told = {"resource": action.resource, "attributes": action.attributes}
        answer = broker.check(STEADY, action.type, **told)  # type: ignore[arg-type]
        with pytest.raises(BrokerRefused) as refused:
            broker.consume_receipt(answer.receipt, Action("sign_in.hint", resource="account:78"))
        assert refused.value.status == 409
        used = broker.consume_receipt(answer.receipt, action)
        assert (used.check_id, used.action_type) == (answer.id, "sign_in.hint")
        with pytest.raises(BrokerRefused, match="RECEIPT_CONSUMED"):
            broker.consume_receipt(answer.receipt, action)


def test_waiting_for_a_human_ends_when_they_have_decided(stage: Stage) -> None:
    reviewer = stage.broker.key("acme", "trust:review", consumer="ana")
    with stage.broker.client() as broker, stage.broker.http(reviewer) as ana:
        answer = broker.check(STEADY, "sim.order")
        review = broker.request_review(answer.id, "the customer called")
        assert broker.request_review(answer.id).id == review.id
        assert broker.read(answer.id).pending

        def decide() -> None:
            where = f"/v1/reviews/{review.id}"
            ana.post(f"{where}/claim").raise_for_status()
            ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "called back"}
            ana.post(f"{where}/decide", json=ruling).raise_for_status()

        deciding = threading.Timer(0.2, decide)
        deciding.start()
        settled = broker.wait(answer.id, up_to_s=30)
        deciding.join()
    assert (settled.allowed, settled.pending, settled.revision) == (True, False, 1)
    assert settled.receipt != answer.receipt


def test_waiting_ends_in_time_with_what_there_is(stage: Stage) -> None:
    with stage.broker.client() as broker:
        answer = broker.check(STEADY, "sim.order")
        broker.request_review(answer.id)
        assert broker.wait(answer.id, up_to_s=0.3).pending

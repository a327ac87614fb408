"""The client against the broker: an agent's own key, waiting for a human, and a receipt that is used once."""

import threading

import pytest

from adapters.mock.phone import Phone, compare_code
from broker.client import Action, Answer, AsyncTrustBroker, BrokerRefused, ClientError, Question, TrustBroker
from broker.client.guards import Prompt, Rule, held_receipt, requires_trust
from broker.client.oauth import PrivateKeyJwt
from tests.support.oauth import Agent, registered
from tests.support.stage import Stage

STEADY, RECENT = "+34600000101", "+34600000103"


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


def test_a_person_proves_their_sim_while_the_guard_waits(stage: Stage) -> None:
    shown: list[Prompt] = []
    phone = Phone(RECENT)

    def show(prompt: Prompt) -> None:
        shown.append(prompt)
        assert prompt.challenge
        link = prompt.challenge.link or ""
        assert compare_code(phone.look(link)) == prompt.challenge.compare_code
        phone.tap(link, phone.look(link))

    rule = Rule("payment.transfer", number=lambda: RECENT, amount=lambda call: (call["eur"], "EUR"))
    with stage.broker.client() as broker:

        @requires_trust(broker, rule, show=show, wait_s=20)
        def pay(eur: str) -> str:
            return f"paid {eur} under {held_receipt()}"

        assert pay("950.00").startswith("paid 950.00 under ey")
        assert shown[0].challenge
        read = broker.read_challenge(shown[0].check_id, shown[0].challenge.id)
        assert (read.status, read.link) == ("met", None)
    phone.close()


def test_a_challenge_that_is_over_takes_no_answer(stage: Stage) -> None:
    with stage.broker.client() as broker:
        answer = broker.check(RECENT, "payment.transfer", amount=("950.00", "EUR"))
        challenge = broker.start_challenge(answer.id, "network_auth", RECENT)
        with pytest.raises(BrokerRefused) as refused:
            broker.answer_challenge(answer.id, challenge.id, code="123456")
        assert refused.value.status in {400, 409}
        with pytest.raises(BrokerRefused) as other:
            broker.start_challenge(answer.id, "network_auth", STEADY)
        assert other.value.status in {400, 409}


def test_waiting_ends_in_time_with_what_there_is(stage: Stage) -> None:
    with stage.broker.client() as broker:
        answer = broker.check(STEADY, "sim.order")
        broker.request_review(answer.id)
        assert broker.wait(answer.id, up_to_s=0.3).pending


MANY: list[Question] = [
    {"phone_number": STEADY, "action": "sign_in.hint"},
    {"phone_number": "+34 600", "action": "sign_in.hint"},
    {"phone_number": RECENT, "action": "payment.transfer", "about": {"amount": ("950.00", "EUR")}},
]


def told(answers: list[Answer | ClientError]) -> list[str]:
    return [one.decision if isinstance(one, Answer) else type(one).__name__ for one in answers]


def test_many_questions_have_each_its_answer_or_its_error(stage: Stage) -> None:
    with stage.broker.client() as broker:
        answers = broker.check_many(MANY * 10)
        assert told(answers) == ["allow", "BrokerRefused", "step_up"] * 10
        refused = answers[1]
        assert isinstance(refused, BrokerRefused)
        assert (refused.status, refused.faults[0][0]) == (400, "/subject/phoneNumber")
        assert broker.check_many([]) == []
    with TrustBroker("http://127.0.0.1:9", "tb_x") as nobody:
        assert told(nobody.check_many(MANY)) == ["BrokerUnreachable"] * 3


async def test_many_questions_without_blocking(stage: Stage) -> None:
    async with AsyncTrustBroker(stage.broker.url, stage.broker.agent_key) as broker:
        assert told(await broker.check_many(MANY)) == ["allow", "BrokerRefused", "step_up"]

"""One conversation over voice, chat and the web: what was proven to one agent counts for the next, and a no as well."""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from broker.domain.evidence import Evidence
from broker.domain.record import Check
from broker.policy.redo import Beside, redo
from broker.usecases.policy.recorded_rules import RecordedRules
from tests.support.clocks import HandClock
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
STEADY, OTHER = "+34600000101", "+34600000107"
DEAR = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}


class Desk(NamedTuple):
    """A tenant with a voice bot and a chat bot, which know nothing of each other."""

    stage: Stage
    clock: HandClock
    tenant: str
    voice: httpx.Client
    chat: httpx.Client

    def ask(
        self, via: httpx.Client, conversation: str | None = "c-1", number: str = STEADY, **more: Any
    ) -> dict[str, Any]:
        channel = "voice" if via is self.voice else "messaging"
        context = {"channel": channel} | ({"conversationId": conversation} if conversation else {})
        subject = {"phoneNumber": number} | ({"operatorToken": more.pop("token")} if "token" in more else {})
        asked = {"subject": subject, "action": DEAR, "purpose": "FraudPreventionAndDetection", "context": context}
        answer = via.post("/v1/trust-checks", json=asked | more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def proven(self, conversation: str = "c-1", number: str = STEADY, **more: Any) -> dict[str, Any]:
        """The voice bot's call comes with a token of the person's device."""
        token = self.stage.alba.control.operator_token(number)
        return self.ask(self.voice, conversation, number, token=token, **more)


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("journeys"), clock=clock) as stage:
        yield stage, clock


@pytest.fixture
def desk(building: tuple[Stage, HandClock]) -> Iterator[Desk]:
    stage, clock = building
    tenant, broker = f"bank-{next(_TENANTS)}", stage.broker
    with ExitStack() as more:
        keys = broker.keys(
            tenant, {"voice": ("trust:check", "trust:explain"), "chat": ("trust:check", "trust:explain")}
        )
        yield Desk(stage, clock, tenant, *(more.enter_context(broker.http(keys[name])) for name in ("voice", "chat")))


def possession(check: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in check["signals"] if one["name"] == "number_verification"]
    return dict(found)


def test_a_sim_proven_on_the_phone_counts_in_the_chat_with_its_age(desk: Desk) -> None:
    alone = desk.ask(desk.chat, None)
    first = desk.proven()
    assert (possession(first)["value"], possession(first)["source"]["cached"]) == ("match", False)
    desk.clock.advance(90)
    second = desk.ask(desk.chat)
    told = possession(second)
    assert (told["state"], told["value"], told["source"]["operator"]) == ("observed", "match", "alba")
    assert (told["source"]["cached"], told["ageS"]) == (True, 90)
    assert second["trustScore"] > alone["trustScore"]
    kept = msgspec.json.decode(desk.stage.kept(second["id"], desk.tenant).record, type=Check)
    assert kept.carried == {"number_verification": first["id"]}


def test_it_is_decided_again_to_the_last_bit_from_the_record_alone(desk: Desk) -> None:
    desk.proven()
    second = desk.ask(desk.chat)
    stored = desk.stage.kept(second["id"], desk.tenant)
    check = msgspec.json.decode(stored.record, type=Check)
    evidence = msgspec.json.decode(stored.evidence, type=Evidence)
    rulebook = desk.stage.broker.deployment.rulebook()
    document, table = desk.stage.in_vault(lambda _, store: RecordedRules(store.policies, rulebook)(check))
    again = redo(
        document,
        table,
        action_class=check.action_class,
        evidence=evidence,
        at=check.settled_at,
        beside=Beside.of(check),
    )
    assert msgspec.json.encode((again.assessment, again.decision)) == msgspec.json.encode(
        (check.assessment, check.decision)
    )


@pytest.mark.parametrize(
    ("conversation", "number", "later_s"),
    [
        pytest.param(None, STEADY, 0, id="no conversation"),
        pytest.param("c-2", STEADY, 0, id="another conversation"),
        pytest.param("c-1", OTHER, 0, id="another person"),
        pytest.param("c-1", STEADY, 600, id="too late"),
    ],
)
def test_a_proof_is_lent_to_nobody(desk: Desk, conversation: str | None, number: str, later_s: int) -> None:
    desk.proven()
    desk.clock.advance(later_s)
    told = possession(desk.ask(desk.chat, conversation, number))
    assert (told["state"], told["reason"]) == ("unavailable", "not_applicable")


def test_another_tenant_with_the_same_ids_sees_nothing(desk: Desk) -> None:
    desk.proven()
    broker = desk.stage.broker
    with broker.http(broker.key(f"{desk.tenant}-other", "trust:check", "trust:explain")) as other:
        assert possession(desk.ask(other))["state"] == "unavailable"


def test_a_line_that_was_taken_over_since_proves_nothing_any_more(desk: Desk) -> None:
    number = "+34600000123"
    desk.proven(number=number)
    desk.clock.advance(60)
    desk.stage.alba.control.event(number, {"type": "sim_change"}, ago_s=10)
    told = possession(desk.ask(desk.chat, number=number))
    assert (told["reason"], told["code"]) == ("not_applicable", "LINE_CHANGED_SINCE")


def test_a_denial_in_the_conversation_asks_the_next_for_more(desk: Desk) -> None:
    small = DEAR | {"amount": {"value": "5.00", "currency": "EUR"}}
    number = "+34600000119"
    assert desk.ask(desk.chat, action=small, number=number)["decision"] == "allow"
    taken = "+34600000120"
    desk.stage.alba.control.event(taken, {"type": "sim_change"}, ago_s=3600)
    assert desk.ask(desk.voice, number=taken)["decision"] == "deny"
    again = desk.ask(desk.chat, action=small, number=number)
    assert (again["decision"], "JOURNEY_ADVERSE" in again["gates"]) == ("step_up", True)
    assert desk.ask(desk.chat, "c-2", action=small, number=number)["decision"] == "allow"


def test_the_journey_says_how_it_went_and_not_who_or_when(desk: Desk) -> None:
    first = desk.proven("secret-id")
    desk.clock.advance(120)
    second = desk.ask(desk.chat, "secret-id")
    broker = desk.stage.broker
    with broker.http(broker.keys(desk.tenant, {"chat": ("trust:check",)})["chat"]) as chat:
        shown = chat.get(f"/v1/trust-checks/{second['id']}/journey").raise_for_status()
        assert chat.get(f"/v1/trust-checks/{first['id']}/journey").status_code == 404, "not its own"
    assert shown.json()["steps"] == [
        {
            "channel": "voice",
            "action": "payment.transfer",
            "decision": first["decision"],
            "when": "minutes",
            "sameSubject": True,
            "possession": True,
        },
        {
            "checkId": second["id"],
            "channel": "messaging",
            "action": "payment.transfer",
            "decision": second["decision"],
            "when": "now",
            "sameSubject": True,
            "possession": True,
        },
    ]
    for canary in ("secret-id", STEADY, STEADY[1:], "2026"):
        assert canary not in json.dumps(shown.json())

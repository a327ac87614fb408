"""The gate around every operator: looked at before a call and again before its answer counts, and closed in doubt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.instruments import A, AskConsent, ConsentStatus, Order, PasswordSent, Refused, SendPassword
from broker.bootstrap.files import consent_gate
from broker.domain.consent import Consent, ConsentState
from broker.domain.instrument import Category
from broker.domain.phone import PhoneNumber
from broker.domain.privacy import Erasure, Standing, SubjectChange
from broker.domain.signal import Flag, Match, Observed, Signal, SignalName, Source, Unavailability
from broker.errors import Unrecorded
from broker.privacy.journal import ErasureJournal
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.consent_store import Held
from broker.usecases.permit import Permit, PermitLimits
from broker.usecases.permitted import NOBODY, NOT_ITS_OPERATOR, UNKNOWN, Gatekeeping, PermittedNetwork
from broker.usecases.privacy.subject_watch import SubjectWatch
from tests.support.clocks import HandClock
from tests.unit.operators.guarded import Acting, good
from tests.unit.usecases.test_asking import Operator as Waves
from tests.unit.usecases.test_asking import ask

CONFIG = Path(__file__).parents[3] / "config"
PURPOSE = "FraudPreventionAndDetection"
NUMBER = PhoneNumber("+34600000101")
MATCHED, SOURCE = Match(matched=True), Source("alba", "an-api", "1")
PLACE, SWAP, DEVICE, CLAIMS = (
    SignalName.LOCATION,
    SignalName.SIM_SWAP,
    SignalName.DEVICE_SWAP,
    SignalName.KYC_MATCH,
)


class Ledger:
    """What is on record of everybody, and no news of anybody."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.consents: list[Consent] = []
        self.down = False

    async def held(self, tenant: str, subject: bytes) -> Held:
        if self.down:
            raise Unrecorded("down")
        return Held(self.standing, tuple(self.consents))

    async def changes(self, since_ms: int, rows: int) -> list[SubjectChange]:
        return []

    async def erasure(self, tenant: str, erasure_id: str) -> Erasure | None:
        return None


class Operator(Acting):
    """Also carries out orders; ``meanwhile`` happens while it is busy with one."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    async def carry_out(self, order: Order[A]) -> A | Refused:
        self.meanwhile()
        done: object = PasswordSent("1") if isinstance(order, SendPassword) else ConsentStatus(())
        return done  # type: ignore[return-value]


class Gate(NamedTuple):
    """A network behind the gate, with everything around it."""

    clock: HandClock
    ledger: Ledger
    watch: SubjectWatch
    operator: Operator
    network: PermittedNetwork
    pseudonyms: Pseudonyms

    @property
    def subject(self) -> bytes:
        return self.pseudonyms.subject("acme", NUMBER)

    def around(self, adapter: Adapter) -> Adapter:
        behind = PermittedNetwork(lambda _: adapter, Gatekeeping(self.network.permit, self.pseudonyms))(("north",))
        assert behind is not None
        return behind

    def agree(
        self,
        category: Category,
        state: ConsentState = ConsentState.GIVEN,
        version: int = 1,
        consent_id: str = "cns_1",
    ) -> None:
        now_ms = int(self.clock.now().timestamp() * 1000)
        self.ledger.consents.append(
            Consent(
                "acme", consent_id, version, self.subject, state, PURPOSE, (category,), None, "1", "spoken", "voice",
                None, now_ms, None, now_ms + version, "clerk",
            )
        )  # fmt: skip

    async def ask(self, signal: SignalName, tenant: str = "acme") -> Signal:
        adapter = self.network(("alba",))
        assert adapter is not None
        query = SignalQuery(signal, NUMBER, PURPOSE, "c", self.clock.monotonic_s() + 1, tenant=tenant)
        return await adapter.observe(query)

    async def order(self, kind: type[SendPassword | AskConsent], purpose: str = PURPOSE) -> object:
        adapter = self.network(("alba",))
        assert adapter is not None
        said: dict[str, Any] = {"phone": NUMBER, "purpose": purpose, "correlator": "c", "tenant": "acme"}
        said |= {"deadline_s": 0.0} | ({"message": "{{code}}"} if kind is SendPassword else {"scopes": ("x",)})
        order: Order[Any] = kind(**said)
        return await adapter.carry_out(order)


@pytest.fixture
async def gate(tmp_path: Path) -> Gate:
    clock, ledger, pseudonyms = HandClock(), Ledger(), Pseudonyms(b"k" * 32)
    watch = SubjectWatch(ledger, clock, ErasureJournal(tmp_path / "erasures.jsonl"))
    limits = PermitLimits(ledger=True, entries_max=10)
    # The shipped purposes, but for a signal of a second wave that rests on consent.
    purposes = (CONFIG / "purposes.toml").read_text("utf-8")
    agreeing = purposes.replace('device_swap = "legitimate_interest"', 'device_swap = "consent"')
    (tmp_path / "purposes.toml").write_text(agreeing, "utf-8")
    permit = Permit(consent_gate(tmp_path / "purposes.toml"), ledger, watch, clock, limits)
    watch.forgetting(permit.forget)
    await watch.look()
    operator = Operator(good(clock))
    network = PermittedNetwork(lambda sources: operator if sources else None, Gatekeeping(permit, pseudonyms))
    return Gate(clock, ledger, watch, operator, network, pseudonyms)


def refusal(answer: object) -> str | None:
    """The code of a refusal by the gate; ``None`` for an answer."""
    reason = getattr(answer, "reason", None)
    if reason is None:
        return None
    assert reason is Unavailability.NOT_PERMITTED
    return str(getattr(answer, "code", None))


def pause(gate: Gate) -> None:
    gate.ledger.standing = Standing(paused_ms=1)


def objection(gate: Gate) -> None:
    gate.ledger.standing = Standing(objected_ms=1)


def take_back(gate: Gate) -> None:
    gate.agree(PLACE, ConsentState.WITHDRAWN, version=2)


def go_down(gate: Gate) -> None:
    gate.ledger.down = True


Change = Callable[[Gate], None]
CHANGES: list[tuple[Change, SignalName, str]] = [
    (pause, SWAP, "PAUSED"),
    (pause, PLACE, "PAUSED"),
    (objection, SWAP, "OBJECTED"),
    (take_back, PLACE, "CONSENT_WITHDRAWN"),
    (go_down, SWAP, UNKNOWN),
    (go_down, PLACE, UNKNOWN),
]


async def test_an_operator_that_is_no_longer_the_tenants_is_not_asked_over_an_older_route(gate: Gate) -> None:
    """Whoever may be asked is looked up for each question; where nobody can look, nobody is asked."""

    async def may_ask(tenant: str, sources: tuple[str, ...]) -> bool:
        if tenant == "down":
            raise Unrecorded("the database is away")
        return (tenant, sources) == ("acme", ("alba",))

    network = PermittedNetwork(
        lambda _: gate.operator, Gatekeeping(gate.network.permit, gate.pseudonyms, may_ask=may_ask)
    )
    for sources, tenant, code in (
        (("alba",), "acme", None),
        (("alba", "borealis"), "acme", NOT_ITS_OPERATOR),
        (("borealis",), "acme", NOT_ITS_OPERATOR),
        (("alba",), "globex", NOT_ITS_OPERATOR),
        (("alba",), "down", UNKNOWN),
    ):
        adapter = network(sources)
        assert adapter is not None
        query = SignalQuery(SWAP, NUMBER, PURPOSE, "c", gate.clock.monotonic_s() + 1, tenant=tenant)
        assert refusal(await adapter.observe(query)) == code
    assert len(gate.operator.asked) == 1


@pytest.mark.parametrize(("change", "signal", "code"), CHANGES)
async def test_nobody_is_asked_after_the_person_said_no(
    gate: Gate, change: Change, signal: SignalName, code: str
) -> None:
    gate.agree(PLACE)
    change(gate)
    assert refusal(await gate.ask(signal)) == code
    assert gate.operator.asked == []


@pytest.mark.parametrize(("change", "signal", "code"), CHANGES)
async def test_an_answer_on_its_way_meanwhile_is_not_used_and_says_who_was_asked(
    gate: Gate, change: Change, signal: SignalName, code: str
) -> None:
    gate.agree(PLACE)
    answers = gate.operator.act

    async def meanwhile(query: SignalQuery) -> Signal:
        change(gate)
        gate.watch.tell("acme", gate.subject)
        return await answers(query)

    gate.operator.act = meanwhile
    answer = await gate.ask(signal)
    assert refusal(answer) == code
    assert answer.source is not None, "the question was asked, and is paid for"


async def test_another_nodes_withdrawal_is_seen_in_the_store_before_any_news_of_it(gate: Gate) -> None:
    gate.agree(PLACE)
    assert isinstance(await gate.ask(PLACE), Observed)
    answers = gate.operator.act

    async def meanwhile(query: SignalQuery) -> Signal:
        take_back(gate)  # and nobody tells the watch
        return await answers(query)

    gate.operator.act = meanwhile
    assert refusal(await gate.ask(PLACE)) == "CONSENT_WITHDRAWN"


@pytest.mark.parametrize(("agreed", "code"), [(None, "CONSENT_MISSING"), (SWAP, "CONSENT_MISSING"), (PLACE, None)])
async def test_a_place_takes_a_live_consent_of_its_own(gate: Gate, agreed: Category | None, code: str | None) -> None:
    if agreed is not None:
        gate.agree(agreed)
    assert refusal(await gate.ask(PLACE)) == code


async def test_objecting_does_not_take_back_what_one_agreed_to(gate: Gate) -> None:
    gate.agree(PLACE)
    objection(gate)
    assert isinstance(await gate.ask(PLACE), Observed)


@pytest.mark.parametrize(("change", "code"), [(pause, "PAUSED"), (objection, "OBJECTED"), (go_down, UNKNOWN)])
async def test_orders_pass_the_same_gate(gate: Gate, change: Change, code: str) -> None:
    assert await gate.order(SendPassword) == PasswordSent("1")

    def meanwhile() -> None:
        change(gate)
        gate.watch.tell("acme", gate.subject)

    gate.operator.meanwhile = meanwhile
    assert refusal(await gate.order(SendPassword)) == code, "meanwhile"
    gate.operator.meanwhile = lambda: pytest.fail("was asked")
    assert refusal(await gate.order(SendPassword)) == code, "before"


async def test_what_somebody_permits_may_be_asked_of_whom_no_pause_protects(gate: Gate) -> None:
    objection(gate)
    assert isinstance(await gate.order(AskConsent), ConsentStatus)
    assert refusal(await gate.order(AskConsent, "Marketing")) == "PURPOSE"
    pause(gate)
    gate.watch.tell("acme", gate.subject)
    assert refusal(await gate.order(AskConsent)) == "PAUSED"


async def test_what_is_taken_back_between_two_waves_stops_the_second(gate: Gate) -> None:
    for name, consent_id in ((PLACE, "cns_1"), (CLAIMS, "cns_2"), (DEVICE, "cns_3")):
        gate.agree(name, consent_id=consent_id)
    waves = Waves({SWAP: "7d"})
    await ask(gate.around(waves))
    assert DEVICE in waves.asked, "the second wave asks for it"

    class TakingBack(Waves):
        async def observe(self, query: SignalQuery) -> Signal:
            if query.signal is SWAP:
                gate.agree(DEVICE, ConsentState.WITHDRAWN, version=2, consent_id="cns_3")
                gate.watch.tell("acme", gate.subject)
            return await super().observe(query)

    waves = TakingBack({SWAP: "7d"})
    answers = await ask(gate.around(waves))
    assert DEVICE not in waves.asked
    assert [refusal(one) for one in answers.signals if one.name is DEVICE] == ["CONSENT_WITHDRAWN"]


RECYCLED, KEPT = Flag(active=True), Flag(active=False)


@pytest.mark.parametrize(("told", "ended"), [(RECYCLED, True), (KEPT, False)])
async def test_whoever_has_the_number_now_did_not_agree(gate: Gate, told: Flag, *, ended: bool) -> None:
    """Threat T23; whichever way the operator came to be asked."""
    seen: list[tuple[str, bytes]] = []

    async def new_holder(tenant: str, subject: bytes) -> None:
        seen.append((tenant, subject))
        gate.agree(PLACE, ConsentState.EXPIRED, version=2)
        gate.watch.tell(tenant, subject)

    async def act(query: SignalQuery) -> Signal:
        value = told if query.signal is SignalName.NUMBER_RECYCLING else MATCHED
        return Observed(query.signal, value, gate.clock.now(), SOURCE)

    gate.agree(PLACE)
    gate.operator.act = act
    tools = Gatekeeping(gate.network.permit, gate.pseudonyms, new_holder=new_holder)
    minding = gate._replace(network=PermittedNetwork(lambda _: gate.operator, tools))
    assert isinstance(await minding.ask(PLACE), Observed)
    answer = await minding.ask(SignalName.NUMBER_RECYCLING)
    assert isinstance(answer, Observed), "the answer itself counts"
    assert seen == ([("acme", gate.subject)] if ended else [])
    assert refusal(await minding.ask(PLACE)) == ("CONSENT_EXPIRED" if ended else None)


async def test_an_answer_counts_although_nobody_can_end_the_consents(gate: Gate) -> None:
    async def down(_tenant: str, _subject: bytes) -> None:
        raise Unrecorded("down")

    async def act(query: SignalQuery) -> Signal:
        return Observed(query.signal, RECYCLED, gate.clock.now(), SOURCE)

    gate.operator.act = act
    tools = Gatekeeping(gate.network.permit, gate.pseudonyms, new_holder=down)
    answer = await gate._replace(network=PermittedNetwork(lambda _: gate.operator, tools)).ask(
        SignalName.NUMBER_RECYCLING
    )
    assert isinstance(answer, Observed)


async def test_what_is_asked_for_nobody_is_not_asked(gate: Gate) -> None:
    assert refusal(await gate.ask(SWAP, tenant="")) == NOBODY
    assert gate.operator.asked == []
    assert gate.network(()) is None

"""Consent at the operator comes before what rests on it, and what is not known to be permitted is not asked."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import pytest

from broker.adapter_kit.adapter import Capability, SignalQuery
from broker.adapter_kit.instruments import (
    A,
    AskConsent,
    ConsentEntry,
    ConsentReason,
    ConsentStatus,
    IdentityRecord,
    OpenRecord,
    Order,
    Refused,
)
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.operators.consents import AsksConsentFirst, ConsentCode, ConsentMemory, no_scopes
from tests.support.clocks import HandClock
from tests.unit.operators.guarded import Acting, good, question

SCOPE = "sim-swap:check"
Said = ConsentStatus | Refused
CARRIED_OUT = IdentityRecord({"name": "Ana"})
FILL_IN = "kyc-fill-in:name"


class Operator(Acting):
    """Offers consent-info, and says what it is told to say."""

    def __init__(self, clock: HandClock, said: Said) -> None:
        super().__init__(good(clock))
        self.said = said
        self.orders: list[AskConsent] = []
        self.carried_out: list[InstrumentName] = []

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        offers = {name: Capability(name, name, "1") for name in SignalName}
        return offers | {SignalName.SIM_SWAP: Capability(SignalName.SIM_SWAP, "sim-swap", "2.1.0", (SCOPE,))}

    async def carry_out(self, order: Order[A]) -> A | Refused:
        answer: object = CARRIED_OUT
        if isinstance(order, AskConsent):
            self.orders.append(order)
            answer = self.said
        else:
            self.carried_out.append(order.instrument)
        return answer  # type: ignore[return-value]


def status(*, permitted: bool, reason: ConsentReason | None = None, scope: str = SCOPE) -> ConsentStatus:
    return ConsentStatus((ConsentEntry((scope,), permitted, reason),))


def refused(reason: Unavailability) -> Refused:
    return Refused(InstrumentName.CONSENT_STATUS, reason, "X")


def asking(clock: HandClock, **changes: object) -> SignalQuery:
    asked = {"tenant": "acme", "consent_of": b"subject", **changes}
    return msgspec.structs.replace(question(clock), **asked)


def code(signal: Signal) -> str | None:
    return signal.code if isinstance(signal, Unavailable) else None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (status(permitted=True), None),
        (status(permitted=False), ConsentCode.MISSING),
        (status(permitted=False, reason=ConsentReason.PENDING), ConsentCode.MISSING),
        (status(permitted=False, reason=ConsentReason.EXPIRED), ConsentCode.MISSING),
        (status(permitted=False, reason=ConsentReason.DENIED), ConsentCode.REFUSED),
        (status(permitted=False, reason=ConsentReason.OBJECTED), ConsentCode.REFUSED),
        (status(permitted=True, scope="sim-swap:retrieve-date"), ConsentCode.MISSING),
        (ConsentStatus(()), ConsentCode.MISSING),
        (refused(Unavailability.TIMEOUT), ConsentCode.UNKNOWN),
        (refused(Unavailability.NOT_PERMITTED), ConsentCode.UNKNOWN),
        (refused(Unavailability.UNKNOWN_SUBSCRIBER), "X"),
    ],
)
async def test_only_a_yes_lets_the_question_through(said: Said, found: str | None) -> None:
    clock = HandClock()
    operator = Operator(clock, said)
    answer = await AsksConsentFirst(operator, ConsentMemory(clock), no_scopes).observe(asking(clock))
    assert code(answer) == found
    assert len(operator.asked) == (found is None)
    assert operator.orders[0].scopes == (SCOPE,)
    assert operator.orders[0].capture is False, "nobody is bothered by a check"
    if isinstance(answer, Unavailable):
        assert answer.source is None, "and nothing is to be paid"


@pytest.mark.parametrize("change", [{"consent_of": None}, {"signal": SignalName.DEVICE_SWAP}])
async def test_what_rests_on_no_consent_is_asked_at_once(change: dict[str, object]) -> None:
    clock = HandClock()
    operator = Operator(clock, status(permitted=False))
    answer = await AsksConsentFirst(operator, ConsentMemory(clock), no_scopes).observe(asking(clock, **change))
    assert isinstance(answer, Observed)
    assert operator.orders == []


def ordering(clock: HandClock, consent_of: bytes | None = b"subject") -> OpenRecord:
    asked = asking(clock)
    return OpenRecord(
        phone=asked.phone,
        purpose=asked.purpose,
        correlator=asked.correlator,
        deadline_s=asked.deadline_s,
        tenant="acme",
        consent_of=consent_of,
        attributes=("name",),
    )


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (status(permitted=True, scope=FILL_IN), None),
        (status(permitted=False, scope=FILL_IN), (Unavailability.NOT_PERMITTED, ConsentCode.MISSING)),
        (
            status(permitted=False, scope=FILL_IN, reason=ConsentReason.DENIED),
            (Unavailability.NOT_PERMITTED, ConsentCode.REFUSED),
        ),
        (status(permitted=True), (Unavailability.NOT_PERMITTED, ConsentCode.MISSING)),
        (refused(Unavailability.TIMEOUT), (Unavailability.TIMEOUT, ConsentCode.UNKNOWN)),
    ],
)
async def test_an_order_waits_for_a_yes_as_a_question_does(
    said: Said, found: tuple[Unavailability, ConsentCode] | None
) -> None:
    clock = HandClock()
    operator = Operator(clock, said)
    adapter = AsksConsentFirst(operator, ConsentMemory(clock), lambda _order: (FILL_IN,))
    answer = await adapter.carry_out(ordering(clock))
    assert operator.orders[0].scopes == (FILL_IN,)
    if found is None:
        assert (answer, operator.carried_out) == (CARRIED_OUT, [InstrumentName.IDENTITY_RECORD])
    else:
        assert isinstance(answer, Refused)
        assert ((answer.reason, answer.code), answer.source, operator.carried_out) == (found, None, [])


@pytest.mark.parametrize(("scopes", "consent_of"), [((FILL_IN,), None), ((), b"subject")])
async def test_an_order_that_rests_on_no_consent_is_carried_out_at_once(
    scopes: tuple[str, ...], consent_of: bytes | None
) -> None:
    clock = HandClock()
    operator = Operator(clock, status(permitted=False))
    adapter = AsksConsentFirst(operator, ConsentMemory(clock), lambda _order: scopes)
    assert await adapter.carry_out(ordering(clock, consent_of)) == CARRIED_OUT
    assert operator.orders == []


async def test_a_yes_is_remembered_for_a_moment_and_dropped_with_any_news_of_the_person() -> None:
    clock = HandClock()
    memory, operator = ConsentMemory(clock), Operator(clock, status(permitted=True))
    adapter = AsksConsentFirst(operator, memory, no_scopes)
    for _ in range(3):
        await adapter.observe(asking(clock))
    assert len(operator.orders) == 1
    await adapter.observe(asking(clock, purpose="RequestedServiceProvision"))
    assert len(operator.orders) == 2, "another purpose is another consent"
    memory.forget("acme", b"subject")
    operator.said = status(permitted=False)
    assert code(await adapter.observe(asking(clock))) == ConsentCode.MISSING
    clock.advance(timedelta(seconds=5).total_seconds())
    operator.said = status(permitted=True)
    assert isinstance(await adapter.observe(asking(clock)), Observed)


async def test_what_nobody_could_tell_is_asked_again() -> None:
    clock = HandClock()
    operator = Operator(clock, refused(Unavailability.TIMEOUT))
    adapter = AsksConsentFirst(operator, ConsentMemory(clock), no_scopes)
    await adapter.observe(asking(clock))
    operator.said = status(permitted=True)
    assert isinstance(await adapter.observe(asking(clock)), Observed)

"""Hop 7: what may be asked about this person now; looked at before anybody is asked, and before an answer counts."""

from collections import OrderedDict
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consent import ledger
from broker.consent.gate import ConsentGate, LegalBasis
from broker.domain.check import CheckRequest
from broker.domain.consent import Consent
from broker.domain.plan import Plan
from broker.domain.privacy import Standing
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.policy import plan as planning
from broker.routing.country import country_of
from broker.storage.consent_store import Held
from broker.usecases.subject_watch import SubjectWatch

PAUSED = "PAUSED"
OBJECTED = "OBJECTED"
PURPOSE = "PURPOSE"


class HeldStore(Protocol):
    """Where consents and restrictions are kept."""

    async def held(self, tenant: str, subject: bytes) -> Held:
        """Everything on record of a subject."""
        ...


class OnRecord(msgspec.Struct, frozen=True):
    """What was on record of a subject when it was looked at; ``generation`` is the watch's then."""

    standing: Standing
    consents: tuple[Consent, ...]
    generation: int


class PermitLimits(msgspec.Struct, frozen=True):
    """``ledger`` says whether a consent has to be in our own: otherwise the operators' word is enough, but for none."""

    ledger: bool
    entries_max: int


class Permit:
    """The gate with the ledger behind it. Remembers what is on record of people, as long as the watch is current."""

    def __init__(
        self, gate: ConsentGate, store: HeldStore, watch: SubjectWatch, clock: Clock, limits: PermitLimits
    ) -> None:
        self._gate = gate
        self._store = store
        self._watch = watch
        self._clock = clock
        self._limits = limits
        self._kept: OrderedDict[tuple[str, bytes], OnRecord] = OrderedDict()

    async def on_record(self, tenant: str, subject: bytes) -> OnRecord:
        """What is on record of a subject; at most as old as the watch may be.

        Raises:
            Unrecorded, Overloaded: the store cannot be read, so nothing is permitted.
        """
        kept = self._kept.get((tenant, subject))
        if kept is not None and self._watch.current:
            self._kept.move_to_end((tenant, subject))
            # Had this subject changed, it would not be here.
            return msgspec.structs.replace(kept, generation=self._watch.generation)
        generation = self._watch.generation
        held = await self._store.held(tenant, subject)
        found = OnRecord(held.standing, ledger.latest(held.versions), generation)
        # What changed while it was read may not be in it.
        if generation == self._watch.generation:
            self._kept[tenant, subject] = found
            while len(self._kept) > self._limits.entries_max:
                self._kept.popitem(last=False)
        return found

    def forget(self, tenant: str, subject: bytes) -> None:
        """Drop what is kept of a subject."""
        self._kept.pop((tenant, subject), None)

    def plan(self, plan: Plan, request: CheckRequest, record: OnRecord) -> Plan:
        """The plan without what must not be asked, each with its code."""
        for item in plan.items:
            code = self._bars(item.signal, request, record)
            if code is not None:
                plan = planning.without(plan, [item.signal], Unavailability.NOT_PERMITTED, code)
        return plan

    async def still(
        self, signals: tuple[Signal, ...], request: CheckRequest, tenant: str, subject: bytes, before: OnRecord
    ) -> tuple[Signal, ...]:
        """The answers that may be used now, the others as *not permitted*: a consent may be gone since.

        The store is asked where anything rests on consent, or something has changed.
        """
        bases = {self.basis(request, signal.name) for signal in signals if not isinstance(signal, Unavailable)}
        if self._watch.generation == before.generation and self._watch.current and LegalBasis.CONSENT not in bases:
            return signals
        self.forget(tenant, subject)
        record = await self.on_record(tenant, subject)
        return tuple(self._or_not(signal, request, record) for signal in signals)

    def basis(self, request: CheckRequest, signal: SignalName) -> LegalBasis | None:
        """The legal basis of asking for a signal, in the country of the number."""
        return self._gate.basis(request.purpose, signal, self._country(request))

    def forbids_proving(self, request: CheckRequest, record: OnRecord) -> bool:
        """Whether the person lets nobody prove their SIM for this purpose; what the law says is the gate's."""
        return self._bars(SignalName.NUMBER_VERIFICATION, request, record) not in {None, PURPOSE}

    def _or_not(self, signal: Signal, request: CheckRequest, record: OnRecord) -> Signal:
        if isinstance(signal, Unavailable):
            return signal
        code = self._bars(signal.name, request, record)
        return signal if code is None else Unavailable(signal.name, Unavailability.NOT_PERMITTED, code)

    def _bars(self, signal: SignalName, request: CheckRequest, record: OnRecord) -> str | None:
        basis = self.basis(request, signal)
        if basis is None:
            return PURPOSE
        if record.standing.paused_ms is not None:
            return PAUSED
        if basis is LegalBasis.LEGITIMATE_INTEREST and record.standing.objected_ms is not None:
            return OBJECTED
        if basis is not LegalBasis.CONSENT:
            return None
        now_ms = int(self._clock.now().timestamp() * 1000)
        # Telling the country of a number loads a large table, which only consents for one country ask for.
        country = country_of(request.subject.phone) if any(one.jurisdiction for one in record.consents) else None
        found = ledger.covering(record.consents, request.purpose, signal, country, now_ms)
        if isinstance(found, Consent):
            return None
        # Where operators keep the consents, ours can still take one back.
        return found if self._limits.ledger or found == ledger.WITHDRAWN else None

    def _country(self, request: CheckRequest) -> str | None:
        return country_of(request.subject.phone) if self._gate.minds_countries else None

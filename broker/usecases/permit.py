"""Hop 7: what may be asked about this person now; looked at before anybody is asked, and before an answer counts."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consent import ledger
from broker.consent.gate import ConsentGate, LegalBasis
from broker.domain.check import CheckRequest
from broker.domain.consent import Consent
from broker.domain.instrument import Category, InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.plan import Plan
from broker.domain.privacy import Standing
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.policy import plan as planning
from broker.routing.country import country_of
from broker.storage.consent_store import Held
from broker.usecases.privacy.subject_watch import SubjectWatch

PAUSED = "PAUSED"
OBJECTED = "OBJECTED"
PURPOSE = "PURPOSE"


class HeldStore(Protocol):
    """Where consents and restrictions are kept."""

    async def held(self, tenant: str, subject: bytes) -> Held:
        """Everything on record of a subject."""
        ...


class About(msgspec.Struct, frozen=True):
    """Whom a question is about, for whom and what for. ``subject`` is the tenant's pseudonym of the number."""

    tenant: str
    subject: bytes
    phone: PhoneNumber
    purpose: str


class OnRecord(msgspec.Struct, frozen=True):
    """What was on record of a subject when it was looked at; ``generation`` is the watch's then."""

    standing: Standing
    consents: tuple[Consent, ...]
    generation: int


class Grant(msgspec.Struct, frozen=True):
    """Leave to ask. ``basis`` is ``None`` for asking what somebody permits, which needs none.

    ``consent`` is the entry of the ledger that it rests on, as ``cns_…@version``, where it rests on one.
    """

    basis: LegalBasis | None
    record: OnRecord
    consent: str | None = None


class Usable(msgspec.Struct, frozen=True):
    """Answers that may be used, and the entries of the ledger that they rest on."""

    signals: tuple[Signal, ...]
    consents: Mapping[SignalName, str]


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
            if kept.generation != self._watch.generation:
                kept = msgspec.structs.replace(kept, generation=self._watch.generation)
            return kept
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

    async def before(self, category: Category, about: About) -> Grant | str:
        """Leave to ask for one category now, else the code of why not.

        Raises:
            Unrecorded, Overloaded: nobody knows, so nobody is asked.
        """
        record = await self.on_record(about.tenant, about.subject)
        return self._weigh(category, about.purpose, about.phone, record)

    async def after(self, category: Category, about: About, grant: Grant) -> str | None:
        """Why an answer that was asked for under a grant must not be used any more; ``None`` where it may.

        The store is asked where the grant rests on consent, or something has changed.
        """
        if not self._may_have_changed(grant.record, {grant.basis}):
            return None
        self.forget(about.tenant, about.subject)
        now = await self.before(category, about)
        return now if isinstance(now, str) else None

    def plan(self, plan: Plan, request: CheckRequest, record: OnRecord) -> Plan:
        """The plan without what must not be asked, each with its code."""
        for item in plan.items:
            code = self._bars(item.signal, request, record)
            if code is not None:
                plan = planning.without(plan, [item.signal], Unavailability.NOT_PERMITTED, code)
        return plan

    async def still(
        self, signals: tuple[Signal, ...], request: CheckRequest, tenant: str, subject: bytes, before: OnRecord
    ) -> Usable:
        """The answers that may be used now, the others as *not permitted*: a consent may be gone since."""
        bases = {self.basis(request, signal.name) for signal in signals if not isinstance(signal, Unavailable)}
        if not self._may_have_changed(before, bases):
            return Usable(signals, {})
        self.forget(tenant, subject)
        record = await self.on_record(tenant, subject)
        told: list[Signal] = []
        consents: dict[SignalName, str] = {}
        for signal in signals:
            grant = self._weigh(signal.name, request.purpose, request.subject.phone, record)
            told.append(refused(signal, grant) if isinstance(grant, str) else signal)
            if not isinstance(grant, str) and grant.consent and not isinstance(signal, Unavailable):
                consents[signal.name] = grant.consent
        return Usable(tuple(told), consents)

    def basis(self, request: CheckRequest, signal: SignalName) -> LegalBasis | None:
        """The legal basis of asking for a signal, in the country of the number."""
        return self._basis(signal, request.purpose, request.subject.phone)

    def forbids_proving(self, request: CheckRequest, record: OnRecord) -> bool:
        """Whether the person lets nobody prove their SIM for this purpose; what the law says is the gate's."""
        return self._bars(SignalName.NUMBER_VERIFICATION, request, record) not in {None, PURPOSE}

    def _may_have_changed(self, record: OnRecord, bases: set[LegalBasis | None]) -> bool:
        unchanged = self._watch.generation == record.generation and self._watch.current
        return LegalBasis.CONSENT in bases or not unchanged

    def _bars(self, signal: SignalName, request: CheckRequest, record: OnRecord) -> str | None:
        found = self._weigh(signal, request.purpose, request.subject.phone, record)
        return found if isinstance(found, str) else None

    def _weigh(self, category: Category, purpose: str, phone: PhoneNumber, record: OnRecord) -> Grant | str:
        """The one rule of all ways to an operator."""
        basis = self._basis(category, purpose, phone)
        if basis is None:
            asks_leave = category is InstrumentName.CONSENT_STATUS and self._gate.knows(purpose)
            if not asks_leave:
                return PURPOSE
        if record.standing.paused_ms is not None:
            return PAUSED
        if basis is LegalBasis.LEGITIMATE_INTEREST and record.standing.objected_ms is not None:
            return OBJECTED
        if basis is not LegalBasis.CONSENT:
            return Grant(basis, record)
        now_ms = int(self._clock.now().timestamp() * 1000)
        # Telling the country of a number loads a large table, which only consents for one country ask for.
        country = country_of(phone) if any(one.jurisdiction for one in record.consents) else None
        found = ledger.covering(record.consents, purpose, category, country, now_ms)
        if isinstance(found, Consent):
            return Grant(basis, record, f"{found.consent_id}@{found.version}")
        # Where operators keep the consents, ours can still take one back.
        barred = self._limits.ledger or found == ledger.WITHDRAWN
        return found if barred else Grant(basis, record)

    def _basis(self, category: Category, purpose: str, phone: PhoneNumber) -> LegalBasis | None:
        country = country_of(phone) if self._gate.minds_countries else None
        return self._gate.basis(purpose, category, country)


def refused(signal: Signal, code: str) -> Signal:
    """An answer that must not be used, as *not permitted*; who gave it is told, for the question was asked and paid."""
    if isinstance(signal, Unavailable):
        return signal
    return Unavailable(signal.name, Unavailability.NOT_PERMITTED, code, signal.source)

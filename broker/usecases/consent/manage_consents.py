"""Record what people agreed to, take it back, and show it: append-only, a leaf of the log for every change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from broker.audit.jcs import canonical
from broker.clock import Clock
from broker.consent import ledger
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.consent import Consent, ConsentState
from broker.domain.instrument import Category
from broker.domain.phone import PhoneNumber
from broker.domain.privacy import ChangeOf, SubjectChange
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.consent_store import ROWS_MAX, ConsentStore
from broker.storage.privacy_store import leaf, news
from broker.storage.unit_of_work import Step
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.privacy.subject_watch import SubjectWatch

_AHEAD_MS = 300_000
"""How far a caller's clock may be ahead of ours."""
_DUE_MAX = 200
_CLOCK = "the clock"
_NEW_HOLDER = "a new holder of the number"
_SIGNALS_MAX = 20


class NewConsent(msgspec.Struct, frozen=True):
    """What somebody agreed to, as it was taken down. ``proof`` is anything that shows it; only its mark is kept."""

    phone: PhoneNumber
    purpose: str
    categories: tuple[Category, ...]
    notice_version: str
    method: str
    channel: str
    jurisdiction: str | None = None
    proof: str | None = None
    given_at: datetime | None = None
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "NewConsent(…)"


class ConsentOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A consent as it stands. ``live`` says whether it permits anything now."""

    id: str
    version: int
    state: ConsentState
    live: bool
    purpose: str
    signals: tuple[str, ...]
    notice_version: str
    method: str
    channel: str
    given_at: datetime
    recorded_at: datetime
    recorded_by: str
    expires_at: datetime | None = None
    jurisdiction: str | None = None


class ConsentsOut(msgspec.Struct, frozen=True):
    """Consents of one person, or the versions of one consent, oldest first."""

    consents: tuple[ConsentOut, ...]


class ConsentTools(msgspec.Struct, frozen=True):
    """What the ledger works with, built once by ``bootstrap``."""

    store: ConsentStore
    gate: ConsentGate
    pseudonyms: Pseudonyms
    watch: SubjectWatch
    clock: Clock
    new_id: Callable[[str], str]


class ManageConsents:
    """The ledger of a tenant's consents. Agents record none: who wants an answer must not permit the question."""

    def __init__(self, tools: ConsentTools) -> None:
        self._tools = tools

    async def give(self, principal: Principal, new: NewConsent) -> ConsentOut:
        """Record a consent.

        Raises:
            NotPermitted: the caller lacks the scope, or acts through an agent.
            InvalidRequest: the purpose or a signal cannot be consented to, or the instants make no sense.
            Conflict: there are too many on record of this person.
        """
        authorize.require_person(principal, authorize.CONSENT_WRITE)
        tools, now_ms = self._tools, self._now_ms()
        given_ms = now_ms if new.given_at is None else _ms(new.given_at)
        expires_ms = None if new.expires_at is None else _ms(new.expires_at)
        self._require_sound(new, given_ms, expires_ms, now_ms)
        subject = tools.pseudonyms.subject(principal.tenant, new.phone)
        if len((await tools.store.held(principal.tenant, subject)).versions) >= ROWS_MAX - 1:
            raise Conflict("there are too many consents on record of this person")
        consent = Consent(
            tenant=principal.tenant,
            consent_id=tools.new_id("cns"),
            version=1,
            subject=subject,
            state=ConsentState.GIVEN,
            purpose=new.purpose,
            categories=tuple(sorted(set(new.categories))),
            jurisdiction=new.jurisdiction,
            notice_version=new.notice_version,
            method=new.method,
            channel=new.channel,
            proof=self._mark(principal.tenant, new.proof),
            given_ms=given_ms,
            expires_ms=expires_ms,
            recorded_ms=now_ms,
            recorded_by=principal.consumer,
        )
        return await self._append(consent)

    async def withdraw(self, principal: Principal, consent_id: str) -> ConsentOut:
        """Take a consent back: at once here, within seconds on every node, and for answers that are under way.

        Taking back what was taken back already changes nothing.

        Raises:
            NotFound: the tenant has no such consent.
            Conflict: it changed at the same time; try again.
        """
        authorize.require_person(principal, authorize.CONSENT_WRITE)
        last = (await self._versions(principal.tenant, consent_id))[-1]
        if last.state is ConsentState.WITHDRAWN:
            return self._shown(last)
        return await self._append(self._next(last, ConsentState.WITHDRAWN, principal.consumer))

    async def show(self, principal: Principal, consent_id: str) -> ConsentsOut:
        """Every version of a consent, oldest first."""
        authorize.require(principal, authorize.CONSENT_READ)
        return ConsentsOut(tuple(map(self._shown, await self._versions(principal.tenant, consent_id))))

    async def of_person(self, principal: Principal, phone: PhoneNumber) -> ConsentsOut:
        """The consents of a person as they stand."""
        authorize.require(principal, authorize.CONSENT_READ)
        subject = self._tools.pseudonyms.subject(principal.tenant, phone)
        held = await self._tools.store.held(principal.tenant, subject)
        found = sorted(ledger.latest(held.versions), key=lambda one: one.consent_id)
        return ConsentsOut(tuple(map(self._shown, found)))

    async def export(self, principal: Principal, consent_id: str) -> dict[str, Any]:
        """A consent as JSON-LD, in the terms of the Data Privacy Vocabulary's profile of ISO/IEC TS 27560."""
        authorize.require(principal, authorize.CONSENT_READ)
        return json_ld(await self._versions(principal.tenant, consent_id))

    async def expire(self) -> int:
        """Note what is over; how many there were. Nothing waits for it: what is over permits nothing."""
        expired = 0
        for last in await self._tools.store.due(self._now_ms(), _DUE_MAX):
            try:
                await self._append(self._next(last, ConsentState.EXPIRED, _CLOCK))
            except Conflict:  # another node was quicker, or somebody took it back
                continue
            expired += 1
        return expired

    async def of_new_holder(self, tenant: str, subject: bytes) -> int:
        """End every live consent of a number that went to somebody else, and drop what was heard of it; how many.

        Which of them the new holder gave cannot be told, so they are asked again: what is not known permits nothing.

        Raises:
            Unrecorded, Overloaded: the store cannot be used.
        """
        now_ms, ended = self._now_ms(), 0
        for last in ledger.latest((await self._tools.store.held(tenant, subject)).versions):
            if ledger.is_live(last, now_ms):
                try:
                    await self._append(self._next(last, ConsentState.EXPIRED, _NEW_HOLDER))
                except Conflict:  # it is over, whoever was quicker
                    continue
                ended += 1
        self._tools.watch.tell(tenant, subject)
        return ended

    async def _append(self, consent: Consent) -> ConsentOut:
        tools = self._tools
        event = f"consent.{consent.state}"
        log_entry = entry(
            tools.new_id("cev"), consent.tenant, event, consent.consent_id, None, consent.recorded_by, tools.clock
        )
        if not await tools.store.add(consent, (leaf(consent.tenant, log_entry), self._news(consent))):
            raise Conflict("this consent was changed by somebody else at the same time: look at it again")
        tools.watch.tell(consent.tenant, consent.subject)
        return self._shown(consent)

    def _mark(self, tenant: str, proof: str | None) -> bytes | None:
        return None if proof is None else self._tools.pseudonyms.digest(tenant, canonical(["proof", proof]))

    def _news(self, consent: Consent) -> Step:
        change_id = self._tools.new_id("chg")
        return news(
            SubjectChange(
                consent.tenant, change_id, consent.subject, ChangeOf.CONSENT, consent.consent_id, self._now_ms()
            )
        )

    def _next(self, last: Consent, state: ConsentState, by: str) -> Consent:
        return msgspec.structs.replace(
            last, version=last.version + 1, state=state, recorded_ms=self._now_ms(), recorded_by=by
        )

    async def _versions(self, tenant: str, consent_id: str) -> list[Consent]:
        versions = await self._tools.store.versions(tenant, consent_id)
        if not versions:
            raise NotFound("no such consent")
        return versions

    def _require_sound(self, new: NewConsent, given_ms: int, expires_ms: int | None, now_ms: int) -> None:
        faults = []
        if not self._tools.gate.knows(new.purpose):
            faults.append(Fault("/purpose", f"send one of: {', '.join(self._tools.gate.known())}"))
        if not 0 < len(new.categories) <= _SIGNALS_MAX:
            faults.append(Fault("/signals", f"name 1 to {_SIGNALS_MAX} signals and instruments that it is about"))
        if ledger.mixes_places(new.categories):
            faults.append(Fault("/signals", "location takes a consent of its own: record one for it, one for the rest"))
        if given_ms > now_ms + _AHEAD_MS:
            faults.append(Fault("/givenAt", "send an instant that is over, or leave it out for now"))
        if expires_ms is not None and expires_ms <= max(given_ms, now_ms):
            faults.append(Fault("/expiresAt", "send an instant to come, or leave it out: it holds until withdrawn"))
        if faults:
            raise InvalidRequest("this consent cannot be recorded", faults)

    def _shown(self, consent: Consent) -> ConsentOut:
        return ConsentOut(
            id=consent.consent_id,
            version=consent.version,
            state=consent.state,
            live=ledger.is_live(consent, self._now_ms()),
            purpose=consent.purpose,
            signals=consent.categories,
            notice_version=consent.notice_version,
            method=consent.method,
            channel=consent.channel,
            given_at=_at(consent.given_ms),
            recorded_at=_at(consent.recorded_ms),
            recorded_by=consent.recorded_by,
            expires_at=None if consent.expires_ms is None else _at(consent.expires_ms),
            jurisdiction=consent.jurisdiction,
        )

    def _now_ms(self) -> int:
        return _ms(self._tools.clock.now())


_CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_STATUS = {
    ConsentState.GIVEN: "dpv:ConsentGiven",
    ConsentState.WITHDRAWN: "dpv:ConsentWithdrawn",
    ConsentState.EXPIRED: "dpv:ConsentExpired",
}


def json_ld(versions: list[Consent]) -> dict[str, Any]:
    """The versions of one consent as one record with one event each. The person is the tenant's pseudonym."""
    first, last = versions[0], versions[-1]
    record: dict[str, Any] = {
        "@context": _CONTEXT,
        "@id": f"urn:trust-broker:consent:{last.consent_id}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": last.consent_id,
        "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
        "dct:hasVersion": str(last.version),
        "dpv:hasDataSubject": {"@id": f"urn:trust-broker:subject:{last.subject.hex()}"},
        "dpv:hasDataController": last.tenant,
        "dpv:hasLegalBasis": "eu-gdpr:A6-1-a",
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasPurpose": f"dpv:{last.purpose}",
            "dpv:hasPersonalData": [f"urn:trust-broker:signal:{name}" for name in last.categories],
        },
        "dpv:hasNotice": {"@type": "dpv:ConsentNotice", "dct:hasVersion": first.notice_version},
        "dpv:hasConsentStatus": _STATUS[last.state],
        "dpv:isIndicatedAtTime": _instant(last.given_ms),
        "dpv:hasIndicationMethod": f"{last.method}, {last.channel}",
        "dpv:hasConsentEvents": [_event(one) for one in versions],
    }
    if last.jurisdiction is not None:
        record["dpv:hasJurisdiction"] = f"loc:{last.jurisdiction}"
    if last.expires_ms is not None:
        record["dpv:hasDuration"] = {"@type": "dpv:UntilTimeDuration", "dct:valid": _instant(last.expires_ms)}
    return record


def _event(version: Consent) -> dict[str, Any]:
    return {
        "dct:hasVersion": str(version.version),
        "dpv:hasConsentStatus": _STATUS[version.state],
        "dct:date": _instant(version.recorded_ms),
        "dpv:isIndicatedBy": version.recorded_by,
    }


def _instant(ms: int) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": _at(ms).isoformat()}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)

"""Have an operator tell personal data in clear: granted, permitted, ordered, recorded, and kept nowhere.

Five must want it: the purposes file, whoever runs the broker (for the operator), the tenant (a grant), the person (who
may have paused, objected or taken a consent back), and the caller, whose credential takes a scope of its own. Checks
never come here, and nothing that comes from here reaches an agent.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import (
    DisclosureGrant,
    IdentityRecord,
    Locate,
    Located,
    OpenRecord,
    Order,
    Refused,
)
from broker.consent import ledger
from broker.consent.gate import LegalBasis
from broker.consumers import authorize
from broker.domain.check import Action, Principal
from broker.domain.disclosure import Disclosure, DisclosureFault, TenantGrant
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Unavailability
from broker.errors import DisclosureRefused, Fault, InvalidRequest, NotPermitted
from broker.routing.resolver import Enquiry
from broker.storage.disclosure_store import DisclosureStore
from broker.usecases.operators.ask_network import NetworkTools
from broker.usecases.permit import OBJECTED, PAUSED, PURPOSE, About, Grant
from broker.usecases.permitted import UNKNOWN
from broker.usecases.policy.policies_in_force import entry

ORDERED, TOLD = "disclosure.order", "disclosure.answer"
_WORDS: Mapping[str, str] = {
    DisclosureFault.NOT_GRANTED: "no grant of yours covers this: have an administrator grant it for this purpose",
    DisclosureFault.GRANT_EXPIRED: "your grant for this is over: have an administrator grant it again",
    DisclosureFault.NOT_DISCLOSED: "the operator of this number is not switched on for this here",
    PURPOSE: "this purpose does not cover it",
}
_FAULTS: Mapping[str, str] = {
    KitCode.DISCLOSURE_OFF: DisclosureFault.NOT_DISCLOSED,
    KitCode.NOT_GRANTED: DisclosureFault.NOT_GRANTED,
    **{code: code for code in (PURPOSE, PAUSED, OBJECTED, ledger.MISSING, ledger.WITHDRAWN, ledger.EXPIRED, UNKNOWN)},
}
_BY_THE_PERSON = "the person's own wish stands in the way: record their consent, or leave them alone"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told: a place no older than ``max_age_s``, or these ``attributes`` of a file, by CAMARA's names."""

    disclosure: Disclosure
    phone: PhoneNumber
    purpose: str
    max_age_s: int = 60
    max_surface_m2: int | None = None
    attributes: tuple[str, ...] = ()

    def __repr__(self) -> str:  # the number stays out of logs
        return f"Wanted({self.disclosure}, {self.purpose})"


class PointOut(msgspec.Struct, frozen=True):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


class PlaceOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Within ``radius_m`` of one point, or inside the polygon of several; as it was ``age_s`` seconds ago."""

    points: tuple[PointOut, ...]
    age_s: float
    radius_m: float | None = None

    def __repr__(self) -> str:
        return "PlaceOut(…)"


class DisclosureOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What was told, or why the operator told nothing. Kept nowhere: ``id`` is that of the order in the log."""

    id: str
    disclosure: Disclosure
    purpose: str
    grant: str
    legal_basis: LegalBasis | None
    told: bool
    reason: Unavailability | None = None
    code: str | None = None
    operator: str | None = None
    place: PlaceOut | None = None
    attributes: Mapping[str, str] | None = None

    def __repr__(self) -> str:  # personal data in clear stays out of logs
        return f"DisclosureOut({self.id})"


class OrderDisclosure:
    """Orders for a back end with ``disclosure:order``. An operator's trouble is an answer that tells nothing."""

    def __init__(self, tools: NetworkTools, grants: DisclosureStore) -> None:
        self._tools = tools
        self._grants = grants

    async def __call__(self, principal: Principal, wanted: Wanted) -> DisclosureOut:
        """Order, and pass on what was told.

        Raises:
            NotPermitted: the scope is missing, the caller is an agent, or somebody stopped it.
            DisclosureRefused: no grant, one that is over, an operator that does not disclose, or the person's wish.
            InvalidRequest: the purpose is not known.
            QuotaExceeded: a quota is used up; an order counts as a check does.
            Unrecorded, Overloaded: nothing was asked or told; try again.
        """
        authorize.require(principal, authorize.DISCLOSE)
        # Defensive: who talks to people is told what to do, never who or where they are.
        if principal.agent is not None:
            raise NotPermitted("nothing is told in clear to agents: use a credential without an agent")
        await self._require_going(principal, wanted)
        await self._tools.quotas.take(principal)
        subject = self._tools.pseudonyms.subject(principal.tenant, wanted.phone)
        leave = await self._permitted(About(principal.tenant, subject, wanted.phone, wanted.purpose), wanted)
        grant = await self._granted(principal, wanted)
        order_id = self._tools.new_id("dsc")
        about = f"{wanted.disclosure} {wanted.purpose} {grant.grant_id} {leave.consent or leave.basis}"
        await self._note(principal, order_id, ORDERED, about, subject)
        answer = await self._ordered(principal, wanted, grant, subject)
        await self._note(principal, f"{order_id}.answer", TOLD, f"{wanted.disclosure} {_outcome(answer)}", subject)
        # The person's wish was looked at again once the operator had answered; its own refusal is an answer.
        if isinstance(answer, Refused) and (fault := _FAULTS.get(answer.code or "")) is not None:
            raise _refused(fault)
        await self._granted(principal, wanted)  # it may have been withdrawn meanwhile
        return _shown(order_id, wanted, grant, leave, answer)

    async def _require_going(self, principal: Principal, wanted: Wanted) -> None:
        governing = await self._tools.policies.of(principal.tenant)
        if governing.stopping(principal, Action(f"disclosure.{wanted.disclosure}"), "") is not None:
            raise NotPermitted("somebody has stopped this until it is looked into")

    async def _permitted(self, about: About, wanted: Wanted) -> Grant:
        gate = self._tools.gate
        if not gate.knows(wanted.purpose):
            known = ", ".join(gate.known())
            raise InvalidRequest("the purpose is not known", [Fault("/purpose", f"use one of: {known}")])
        leave = await self._tools.permit.before(InstrumentName(wanted.disclosure), about)
        if isinstance(leave, str):
            raise _refused(leave)
        return leave

    async def _granted(self, principal: Principal, wanted: Wanted) -> TenantGrant:
        grant = await self._grants.longest(principal.tenant, wanted.disclosure, wanted.purpose)
        if grant is None:
            raise _refused(DisclosureFault.NOT_GRANTED)
        if not grant.stands(int(self._tools.clock.now().timestamp() * 1000)):
            raise _refused(DisclosureFault.GRANT_EXPIRED)
        return grant

    async def _ordered(
        self, principal: Principal, wanted: Wanted, grant: TenantGrant, subject: bytes
    ) -> Located | IdentityRecord | Refused:
        tools = self._tools
        deadline_s = tools.clock.monotonic_s() + tools.ask_within_s
        lists, correlator = await tools.operators.lists(principal.tenant), tools.new_correlator()
        enquiry = Enquiry(principal.tenant, subject, wanted.phone, wanted.purpose, correlator, lists)
        standing = tools.resolver.known(enquiry)
        route = standing.route
        if standing.ask_first:
            route = await tools.resolver.look_up(enquiry, route, deadline_s=deadline_s)
        adapter = tools.through(route.sources)
        order = _order(principal, wanted, grant, enquiry.correlator, deadline_s)
        if adapter is None:
            return Refused(order.instrument, Unavailability.UNSUPPORTED, route.code)
        answer: Located | IdentityRecord | Refused = await adapter.carry_out(order)
        return answer

    async def _note(self, principal: Principal, event_id: str, event: str, about: str, subject: bytes) -> None:
        """A leaf with a keyed mark of whom it is about, and nothing of what was told."""
        tools = self._tools
        mark = tools.pseudonyms.mark(principal.tenant, subject)
        leaf = entry(event_id, principal.tenant, event, about, mark, principal.consumer, tools.clock)
        await tools.record.note(principal.tenant, leaf, tools.record_within_s)


def _order(principal: Principal, wanted: Wanted, grant: TenantGrant, correlator: str, deadline_s: float) -> Order[Any]:
    name = InstrumentName(wanted.disclosure)
    shared: dict[str, Any] = {
        "phone": wanted.phone,
        "purpose": wanted.purpose,
        "correlator": correlator,
        "deadline_s": deadline_s,
        "grant": DisclosureGrant(grant.tenant, name, grant.purpose),
        "tenant": principal.tenant,
        "consumer": principal.consumer,
    }
    if wanted.disclosure is Disclosure.LOCATION_AREA:
        return Locate(max_age_s=wanted.max_age_s, max_surface_m2=wanted.max_surface_m2, **shared)
    return OpenRecord(attributes=wanted.attributes, **shared)


def _refused(code: str) -> DisclosureRefused:
    return DisclosureRefused(code, _WORDS.get(code, _BY_THE_PERSON))


def _outcome(answer: Located | IdentityRecord | Refused) -> str:
    return f"{answer.reason} {answer.code or ''}".rstrip() if isinstance(answer, Refused) else "told"


def _shown(
    order_id: str, wanted: Wanted, grant: TenantGrant, leave: Grant, answer: Located | IdentityRecord | Refused
) -> DisclosureOut:
    shown = DisclosureOut(
        order_id, wanted.disclosure, wanted.purpose, grant.grant_id, leave.basis, told=not isinstance(answer, Refused)
    )
    match answer:
        case Refused(reason=reason, code=code, source=source):
            operator = None if source is None else source.operator
            return msgspec.structs.replace(shown, reason=reason, code=code, operator=operator)
        case Located(area=area, age_s=age_s):
            points = tuple(PointOut(point.latitude, point.longitude) for point in area.points)
            return msgspec.structs.replace(shown, place=PlaceOut(points, age_s, area.radius_m))
        case IdentityRecord(attributes=attributes):
            return msgspec.structs.replace(shown, attributes=attributes)

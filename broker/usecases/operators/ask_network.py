"""Ask the network one question for a tenant whose client speaks CAMARA: routed, permitted, guarded, recorded.

Nothing is weighed or decided here. What comes back is the raw answer, with dates and places in it, so it takes a scope
of its own, which is for back ends and not for agents.
"""

from collections.abc import Callable
from datetime import date
from typing import Protocol

import msgspec

from broker.adapter_kit.adapter import SignalQuery
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.consumers.quotas import Quotas
from broker.domain.allowance import Allowance
from broker.domain.check import Action, Circle, Claims, Principal
from broker.domain.phone import PhoneNumber
from broker.domain.route import Route
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.errors import Fault, InvalidRequest, NotPermitted
from broker.privacy.pseudonyms import Pseudonyms
from broker.routing.ported import FollowsTheNumber
from broker.routing.resolver import Enquiry, Resolver
from broker.signals.gather import ask_alone
from broker.storage.policy_store import Entry
from broker.usecases.operators.whose_operators import WhoseOperators
from broker.usecases.permit import PURPOSE, About, Grant, Permit
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.policy.policies_in_force import PoliciesInForce, entry

ASKED, ANSWERED, REFUSED = "network.ask", "network.answer", "network.refuse"


class NetworkQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a CAMARA client. ``call`` names the operation, as ``sim-swap/check``; the rest as in a query."""

    call: str
    signal: SignalName
    phone: PhoneNumber
    purpose: str
    window_s: float = 30 * 86_400.0
    location: Circle | None = None
    bound_since: date | None = None
    claims: Claims | None = None
    age_threshold_years: int | None = None

    def __repr__(self) -> str:  # number and claims stay out of logs
        return f"NetworkQuestion({self.call})"


class Record(Protocol):
    """Where the log is kept."""

    async def note(self, tenant: str, one: Entry, wait_s: float) -> None:
        """Add a leaf that is no check; durable when it returns."""
        ...


class NetworkTools(msgspec.Struct, frozen=True):
    """What asking works with, built once by ``bootstrap``. Times in seconds."""

    clock: Clock
    new_id: Callable[[str], str]
    new_correlator: Callable[[], str]
    policies: PoliciesInForce
    resolver: Resolver
    operators: WhoseOperators
    through: PermittedNetwork
    permit: Permit
    gate: ConsentGate
    quotas: Quotas
    pseudonyms: Pseudonyms
    record: Record
    ask_within_s: float
    record_within_s: float


class AskNetwork:
    """Asks for a principal with ``network:read``. An operator's trouble is an unavailable signal, never an error."""

    def __init__(self, tools: NetworkTools) -> None:
        self._tools = tools

    async def __call__(
        self,
        principal: Principal,
        question: NetworkQuestion,
        received_s: float,
        counted: Callable[[tuple[Allowance, ...]], None] = lambda _left: None,
    ) -> Signal:
        """The answer; that it was asked is durable before anybody hears of the number, and what came before it returns.

        ``counted`` hears what is left of the caller's quotas.

        Raises:
            NotPermitted: the scope is missing, the purpose does not cover this, or somebody stopped the caller.
            InvalidRequest: the purpose is not known.
            QuotaExceeded: a quota is used up; a question counts as a check does.
            Unrecorded, Overloaded: nothing was asked or told; try again.
        """
        tools = self._tools
        authorize.require(principal, authorize.NETWORK)
        if principal.agent is not None:  # Defensive: who talks to people is told what to do, never dates and places
            raise NotPermitted("agents ask for trust, not for the network's answers: use a credential without an agent")
        self._require_known(question.purpose)
        await self._require_going(principal, question)
        counted(await tools.quotas.take(principal))
        subject = tools.pseudonyms.subject(principal.tenant, question.phone)
        ask_id = tools.new_id("ask")
        grant = await tools.permit.before(
            question.signal, About(principal.tenant, subject, question.phone, question.purpose)
        )
        if grant == PURPOSE:
            raise NotPermitted(f"{question.signal} may not be asked for the purpose {question.purpose}")
        if isinstance(grant, str):
            await self._note(principal, ask_id, REFUSED, f"{question.call} {question.purpose} {grant}", subject)
            return Unavailable(question.signal, Unavailability.NOT_PERMITTED, grant)
        await self._note(principal, ask_id, ASKED, f"{question.call} {question.purpose} {_rests_on(grant)}", subject)
        lists, correlator = await tools.operators.lists(principal.tenant), tools.new_correlator()
        enquiry = Enquiry(principal.tenant, subject, question.phone, question.purpose, correlator, lists)
        signal = await self._ask(principal, question, enquiry, received_s + tools.ask_within_s)
        await self._note(
            principal, f"{ask_id}.answer", ANSWERED, f"{question.call} {_told(signal)}", subject + _encoded(signal)
        )
        return signal

    def _require_known(self, purpose: str) -> None:
        gate = self._tools.gate
        if not gate.knows(purpose):
            known = ", ".join(gate.known())
            raise InvalidRequest("the purpose is not known", [Fault("/purpose", f"use one of: {known}")])

    async def _require_going(self, principal: Principal, question: NetworkQuestion) -> None:
        """Defensive: a stop of everything, or of this consumer's agent, holds here as well."""
        governing = await self._tools.policies.of(principal.tenant)
        if governing.stopping(principal, Action(f"network.{question.signal}"), "") is not None:
            raise NotPermitted("somebody has stopped this until it is looked into")

    async def _ask(
        self, principal: Principal, question: NetworkQuestion, enquiry: Enquiry, deadline_s: float
    ) -> Signal:
        tools = self._tools
        route = await self._route(enquiry, deadline_s)
        adapter = tools.through(route.sources)
        if adapter is None:
            return Unavailable(question.signal, Unavailability.UNSUPPORTED, route.code)
        if question.signal not in adapter.capabilities:
            return Unavailable(question.signal, Unavailability.UNSUPPORTED)
        following = FollowsTheNumber(
            adapter,
            lambda until_s: tools.resolver.look_again(enquiry, route, deadline_s=until_s),
            lambda other: tools.through(other.sources),
        )
        return await ask_alone(following, _query(principal, question, enquiry, deadline_s), tools.clock)

    async def _route(self, enquiry: Enquiry, deadline_s: float) -> Route:
        standing = self._tools.resolver.known(enquiry)
        if standing.ask_first:
            return await self._tools.resolver.look_up(enquiry, standing.route, deadline_s=deadline_s)
        return standing.route

    async def _note(self, principal: Principal, event_id: str, event: str, about: str, content: bytes) -> None:
        """A leaf with a keyed mark of what it is about: with the key it proves the content, without it says nothing."""
        tools = self._tools
        mark = tools.pseudonyms.mark(principal.tenant, content)
        leaf = entry(event_id, principal.tenant, event, about, mark, principal.consumer, tools.clock)
        await tools.record.note(principal.tenant, leaf, tools.record_within_s)


def _query(principal: Principal, question: NetworkQuestion, enquiry: Enquiry, deadline_s: float) -> SignalQuery:
    return SignalQuery(
        signal=question.signal,
        phone=question.phone,
        purpose=question.purpose,
        correlator=enquiry.correlator,
        deadline_s=deadline_s,
        window_s=question.window_s,
        location=question.location,
        bound_since=question.bound_since,
        claims=question.claims,
        age_threshold_years=question.age_threshold_years,
        tenant=principal.tenant,
        consumer=principal.consumer,
    )


def _rests_on(grant: Grant) -> str:
    return f"{grant.basis} {grant.consent}" if grant.consent else str(grant.basis)


def _told(signal: Signal) -> str:
    source = "nobody" if signal.source is None else f"{signal.source.operator} {signal.source.version}"
    return f"{source} {'observed' if isinstance(signal, Observed) else signal.reason}"


def _encoded(signal: Signal) -> bytes:
    return msgspec.json.encode(signal)

"""Run a trust check: may this agent do this, for this number, now?"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from broker.adapter_kit.adapter import SignalQuery
from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.check import Action
from broker.domain.cost import CheckCost, Tariff
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.plan import Plan
from broker.domain.record import Check
from broker.domain.route import Route, RouteBasis
from broker.domain.signal import Observed, SignalName, Unavailability
from broker.errors import BrokerError, Conflict, Fault, IdempotencyMismatch, InvalidRequest, NotPermitted
from broker.policy import journey
from broker.policy import plan as planning
from broker.policy.cost import calls_of, cost_of
from broker.policy.document import PolicyDocument
from broker.policy.waves import WavePlanner
from broker.policy.what_if import WhatIf
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.routing.country import country_of
from broker.routing.ported import FollowsTheNumber
from broker.routing.resolver import Enquiry, Resolver
from broker.signals.gather import Errand
from broker.storage.records import Intent, Mismatch, Replay, Running
from broker.storage.store import Store
from broker.usecases.asking import Answers, Asking, AskingTools
from broker.usecases.budget import Budget, Reserved, most_of
from broker.usecases.examine_policy import Rulebook
from broker.usecases.idempotency import claim_of
from broker.usecases.journeys import Before, Journeys
from broker.usecases.late_answers import LateAnswers
from broker.usecases.look_back import Bearing, LookBack
from broker.usecases.open_checks import open_answer
from broker.usecases.permit import OnRecord, Permit
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.policies_in_force import InForce, PoliciesInForce
from broker.usecases.ports import Answered, Asked, Case
from broker.usecases.settle import Settle

Tariffs = Mapping[SignalName, Tariff]

_ABANDON_EXTRA_MS = 30_000
# A swap older than this weighs nothing in any policy, so nobody is asked about more.
_WINDOW_S = 30 * 86_400.0


class CheckLimits(msgspec.Struct, frozen=True):
    """Times of a check, in milliseconds.

    ``reserve_ms`` is kept back for scoring, signing and writing. All writing together may last until
    ``record_grace_ms`` after the deadline: a late answer is worth more than none, for a while. Operators are heard for
    ``late_answers_ms`` after their time is over.
    """

    deadline_default_ms: int
    deadline_cap_ms: int
    reserve_ms: int
    record_grace_ms: int
    late_answers_ms: int


class CheckTools(msgspec.Struct, frozen=True):
    """What a check works with, built once by ``bootstrap``. ``settled`` is told of each check and must not wait."""

    clock: Clock
    new_id: Callable[[], str]
    new_correlator: Callable[[], str]
    policies: PoliciesInForce
    resolver: Resolver
    through: PermittedNetwork
    gate: ConsentGate
    permit: Permit
    asking: AskingTools
    rulebook: Rulebook
    tariffs: Mapping[str, Tariffs]
    tariffs_through: Callable[[tuple[str, ...]], Tariffs]
    pseudonyms: Pseudonyms
    vault: Vault
    store: Store
    limits: CheckLimits
    settled: Callable[[Check, Action], None]
    look_back: LookBack
    journeys: Journeys
    budget: Budget
    late_answers: LateAnswers


class _Begun(msgspec.Struct, frozen=True):
    """A check that may be asked: the rules in force, its action's mark, what came before it, and whom it is about."""

    governing: InForce
    document: PolicyDocument
    mark: bytes
    bearing: Bearing
    enquiry: Enquiry
    started_at: datetime
    record: OnRecord
    before: Before


class RunCheck:
    """The check as a list of steps; their numbers are the hops of the architecture.

    Steps 1 and 2, reading the request and knowing the caller, are the surface's; 9 to 12 are :class:`Settle`'s.
    """

    def __init__(self, tools: CheckTools, settle: Settle) -> None:
        self._tools = tools
        self._settle = settle

    async def __call__(self, asked: Asked) -> Answered:
        """Answer one question; the answer is durable before it returns.

        Raises:
            InvalidRequest: action type, purpose or deadline that this broker does not know or allow.
            NotPermitted: the caller lacks the scope, or the policy does not cover the purpose.
            IdempotencyMismatch, Conflict: the idempotency key was used for another request, or for one under way.
            Unrecorded, Overloaded: nothing was decided; try again.
        """
        # (3) Begin: permission, and the class of the action as the policy has it.
        authorize.require(asked.principal, authorize.CHECK)
        governing = await self._tools.policies.of(asked.principal.tenant)
        document, action_class = governing.book.resolve(asked.request.action)
        self._require_purpose(asked, document)
        started_at = self._tools.clock.now()
        enquiry = self._enquiry(asked)
        look_back = self._tools.look_back
        async with look_back.under_way(asked, enquiry.subject, action_class, started_at) as together:
            # The key that will seal the record is looked up meanwhile: nobody should have to wait for it in the end.
            bearing, _, record, before = await asyncio.gather(
                look_back.bearing(asked, enquiry.subject, document, together),
                self._tools.vault.key(asked.principal.tenant, enquiry.subject),
                self._tools.permit.on_record(asked.principal.tenant, enquiry.subject),
                self._tools.journeys.before(asked, enquiry.subject),
            )
            mark = together.ours.action_digest
            begun = _Begun(governing, document, mark, bearing, enquiry, started_at, record, before)
            return await self._run(asked, begun)

    async def _run(self, asked: Asked, begun: "_Begun") -> Answered:
        document, enquiry = begun.document, begun.enquiry
        # (4) Plan, (5) route, (6) bind to what the operator offers, (7) pass the consent gate.
        plan = self._draft(asked, document, begun.bearing.action_class)
        if begun.before.carried is not None:
            plan = journey.expecting(plan, document.rules(plan.action_class))
        plan = self._permitted(plan, asked, begun)
        standing = self._tools.resolver.known(enquiry)
        if begun.governing.stopping(asked.principal, asked.request.action, document.id):
            return await self._halt(self._open(asked, begun, plan, standing.route))
        case = self._open(asked, begun, plan, standing.route)
        if not standing.ask_first:
            case = self._bound(case, standing.route)

        # (3, again) The intent is durable before anybody hears of the number, and the idempotency key is ours.
        errand = self._errand(case, enquiry)
        recalled = {} if standing.ask_first else self._recall(case, errand)
        reserved = await self._reserve(case, recalled, routed=not standing.ask_first)
        with self._tools.budget.spending(reserved) as bill:
            replay = await self._begin(case, asks=len(case.plan.items) > len(recalled))
            if replay is not None:
                return Answered(replay, replayed=True)
            try:
                # (5, again) Where a range is only a guess, a finder knows better.
                if standing.ask_first and case.plan.items:
                    deadline_s = errand.query.deadline_s
                    route = await self._tools.resolver.look_up(enquiry, standing.route, deadline_s=deadline_s)
                    case = self._bound(case, route)
                    recalled = self._recall(case, errand)
                # (8) Gather; (9) to (12) score, decide, offer, commit.
                bill.asking()
                case, answers = await self._gather(case, enquiry, errand, recalled)
                # (7, again) A consent may have been taken back while operators were asked.
                usable = await self._tools.permit.still(
                    answers.signals, asked.request, asked.principal.tenant, case.subject, begun.record
                )
                case = msgspec.structs.replace(case, consents=usable.consents)
                evidence = journey.sound(Evidence.of([*case.plan.unavailable, *usable.signals]), case.carried)
                cost, case = self._cost(case, evidence, answers.asked)
                bill.spent = cost.total
                check, body = await self._settle(case, evidence, cost, wait_s=self._record_wait_s(case))
                self._tools.settled(check, asked.request.action)
            except BaseException:
                self._tools.late_answers.give_up(errand)
                self._give_back(case)
                raise
        # (8, again) What operators say later amends the check.
        self._tools.late_answers.expect(check, case.document, errand)
        # (13) Answer.
        unseen = not any(isinstance(one, Observed) for one in evidence.signals)
        return Answered(body, replayed=False, unseen=unseen)

    async def _halt(self, case: Case) -> Answered:
        """Deny and record without asking anybody.

        Defensive: the idempotency key is left alone, for an allow that was given under it before must not come again.
        """
        names = [item.signal for item in case.plan.items]
        plan = planning.without(case.plan, names, Unavailability.SKIPPED, "STOPPED")
        case = msgspec.structs.replace(case, plan=plan, claim=None)
        _, body = await self._settle(case, Evidence.of(plan.unavailable), wait_s=self._record_wait_s(case))
        return Answered(body, replayed=False)

    def _require_purpose(self, asked: Asked, document: PolicyDocument) -> None:
        purpose, gate = asked.request.purpose, self._tools.gate
        if not gate.knows(purpose):
            known = ", ".join(gate.known())
            raise InvalidRequest("the purpose is not known", [Fault("/purpose", f"send one of: {known}")])
        if not document.permits_purpose(purpose):
            raise NotPermitted(f"the policy {document.id} does not allow this action for the purpose {purpose}")

    def _draft(self, asked: Asked, document: PolicyDocument, action_class: ActionClass) -> Plan:
        limits = self._tools.limits
        return planning.draft(
            document,
            action_class,
            asked.request,
            deadline_ms_default=limits.deadline_default_ms,
            deadline_ms_cap=limits.deadline_cap_ms,
        )

    def _permitted(self, plan: Plan, asked: Asked, begun: "_Begun") -> Plan:
        permitted = self._tools.permit.plan(plan, asked.request, begun.record)
        return self._limit(permitted, begun.document, asked)

    def _limit(self, plan: Plan, document: PolicyDocument, asked: Asked) -> Plan:
        """The plan without what the policy does not ask in this country, or on this legal basis."""
        if not document.limits:
            return plan
        country = country_of(asked.request.subject.phone)
        for name, limit in document.limits.items():
            code = limit.bars(country, self._tools.permit.basis(asked.request, name))
            if code is not None:
                plan = planning.without(plan, [name], Unavailability.NOT_PERMITTED, code)
        return plan

    def _enquiry(self, asked: Asked) -> Enquiry:
        tenant, phone = asked.principal.tenant, asked.request.subject.phone
        subject = self._tools.pseudonyms.subject(tenant, phone)
        return Enquiry(tenant, subject, phone, asked.request.purpose, self._tools.new_correlator())

    def _bound(self, case: Case, route: Route) -> Case:
        """The case with its plan cut down to what the sources of a route offer."""
        adapter = self._tools.through(route.sources)
        if adapter is None:
            names = [item.signal for item in case.plan.items]
            plan = planning.without(case.plan, names, Unavailability.UNSUPPORTED, route.code)
        else:
            plan = planning.bind(case.plan, adapter.capabilities.keys())
        return msgspec.structs.replace(case, plan=plan, route=route)

    def _recall(self, case: Case, errand: Errand) -> dict[SignalName, Observed]:
        adapter = self._tools.through(case.route.sources)
        recalled = self._tools.asking.gatherer.recall(case.plan, adapter, errand) if adapter else {}
        possession = None if case.carried is None else case.carried.possession
        if possession is not None and any(item.signal is possession.name for item in case.plan.items):
            recalled[possession.name] = possession  # what this conversation has proven to another agent
        return recalled

    async def _gather(
        self, case: Case, enquiry: Enquiry, errand: Errand, recalled: dict[SignalName, Observed]
    ) -> tuple[Case, Answers]:
        """The answers, and the case with the route that they came over."""
        adapter = self._tools.through(case.route.sources)
        if adapter is None:
            return case, Answers((), frozenset())
        resolver, wrong = self._tools.resolver, case.route
        following = FollowsTheNumber(
            adapter,
            lambda deadline_s: resolver.look_again(enquiry, wrong, deadline_s=deadline_s),
            lambda route: self._tools.through(route.sources),
        )
        tariffs = self._tools.tariffs_through(case.route.sources)
        ask = Asking(self._tools.asking, following, tariffs)
        answers = await ask(case.plan, errand, recalled, self._planner(case, tariffs))
        learnt = following.route or resolver.known(enquiry).route  # another check may have led the way meanwhile
        return msgspec.structs.replace(case, route=learnt if learnt.by is RouteBasis.FINDER_DEEP else wrong), answers

    def _planner(self, case: Case, tariffs: Tariffs) -> WavePlanner:
        rules = case.document.rules(case.plan.action_class)
        table = self._tools.rulebook.table_of(case.document)
        now = case.started_at
        ends = self._tools.asking.waves.ends(table, rules)
        return WavePlanner(table, rules, WhatIf(table, case.document, rules, now, case.floors, ends), tariffs, now)

    async def _reserve(self, case: Case, recalled: Mapping[SignalName, Observed], *, routed: bool) -> Reserved:
        """Reserve the most that the questions can cost: at any operator, as long as nobody knows which it will be."""
        names = [item.signal for item in case.plan.items if item.signal not in recalled]
        everybody = self._tools.tariffs
        sources = (
            [everybody[name] for name in case.route.sources if name in everybody] if routed else everybody.values()
        )
        return await self._tools.budget.reserve(case.asked.principal.tenant, most_of(names, list(sources)))

    def _cost(self, case: Case, evidence: Evidence, asked: frozenset[SignalName]) -> tuple[CheckCost, Case]:
        """The bill, and the case with the calls behind it."""
        preferred = self._tools.tariffs_through(case.route.sources)
        first = next(iter(case.route.sources), None)
        calls = calls_of(evidence, asked, (first, preferred), self._tools.tariffs)
        bill = cost_of(evidence, asked, preferred, self._tools.tariffs)
        return bill, msgspec.structs.replace(case, calls=calls)

    def _open(self, asked: Asked, begun: "_Begun", plan: Plan, route: Route) -> Case:
        check_id = self._tools.new_id()
        claim = claim_of(asked, check_id, begun.started_at, plan.deadline_ms, self._tools.pseudonyms)
        return Case(
            id=check_id,
            asked=asked,
            subject=begun.enquiry.subject,
            mark=begun.mark,
            document=begun.document,
            plan=plan,
            route=route,
            started_at=begun.started_at,
            claim=claim,
            floors=begun.bearing.floors + begun.before.floors,
            carried=begun.before.carried,
            forbidden=self._tools.permit.forbids_proving(asked.request, begun.record),
        )

    def _errand(self, case: Case, enquiry: Enquiry) -> Errand:
        request = case.asked.request
        # The signal only fills the field: each item of the plan asks under its own name.
        query = SignalQuery(
            signal=SignalName.SIM_SWAP,
            phone=request.subject.phone,
            purpose=request.purpose,
            correlator=enquiry.correlator,
            deadline_s=self._ask_until_s(case),
            window_s=_WINDOW_S,
            location=request.subject.location,
            operator_token=request.subject.operator_token,
            bound_since=request.subject.bound_since,
            claims=request.subject.claims,
            tenant=case.asked.principal.tenant,
            consumer=case.asked.principal.consumer,
        )
        late_s = self._tools.limits.late_answers_ms / 1000
        return Errand(case.asked.principal.tenant, case.subject, query, late_s=late_s)

    async def _begin(self, case: Case, *, asks: bool) -> bytes | None:
        """Make intent and claim durable; the bytes of an earlier answer when this request was answered before."""
        tenant = case.asked.principal.tenant
        started_ms = _ms(case.started_at)
        intent = Intent(tenant, case.id, started_ms, started_ms + case.plan.deadline_ms + _ABANDON_EXTRA_MS)
        try:
            outcome = await self._tools.store.begin(intent if asks else None, case.claim, self._record_wait_s(case))
        except BaseException:
            # It may be written all the same, a moment later: the key must not wait for the end of its lease.
            self._give_back(case)
            raise
        match outcome:
            case Replay(response=response, check_id=check_id):
                return await open_answer(self._tools.vault, tenant, case.subject, check_id, response)
            case Running():
                raise Conflict("a request with this idempotency key is still running", retry_after_s=1)
            case Mismatch():
                raise IdempotencyMismatch("this idempotency key was first used with another body; send a new key")
            case _:
                return None

    def _ask_until_s(self, case: Case) -> float:
        return case.asked.received_s + (case.plan.deadline_ms - self._tools.limits.reserve_ms) / 1000

    def _record_wait_s(self, case: Case) -> float:
        limits = self._tools.limits
        until_s = case.asked.received_s + (case.plan.deadline_ms + limits.record_grace_ms) / 1000
        return until_s - self._tools.clock.monotonic_s()

    def _give_back(self, case: Case) -> None:
        """Free the idempotency key after a failure, so that a retry is not told to wait for a dead request.

        Nobody waits for it: what went wrong is what the caller must hear, and in time.
        """
        if case.claim is not None:
            with contextlib.suppress(BrokerError):
                self._tools.store.release_soon(case.claim)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)

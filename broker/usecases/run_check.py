"""Run a trust check: may this agent do this, for this number, now?"""

import asyncio

import msgspec

from broker.consent.gate import ConsentGate
from broker.consumers import authorize
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, Unavailability
from broker.errors import Fault, InvalidRequest, NotPermitted
from broker.policy import journey
from broker.policy import plan as planning
from broker.policy.document import PolicyDocument
from broker.routing.resolver import Enquiry
from broker.usecases.ask_operators import AskOperators
from broker.usecases.begin_check import BeginCheck
from broker.usecases.check_tools import Begun, CheckTools
from broker.usecases.plan_check import PlanCheck
from broker.usecases.ports import Answered, Asked, Case
from broker.usecases.settle import Settle


class RunCheck:
    """The check as a list of steps; their numbers are the hops of the architecture.

    Steps 1 and 2, reading the request and knowing the caller, are the surface's; 9 to 12 are :class:`Settle`'s.
    """

    def __init__(self, tools: CheckTools, settle: Settle) -> None:
        self._tools = tools
        self._begin = BeginCheck(tools)
        self._plan = PlanCheck(tools)
        self._ask = AskOperators(tools)
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
        require_purpose(self._tools.gate, document, asked.request.purpose)
        started_at = self._tools.clock.now()
        enquiry = await self._enquiry(asked)
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
            begun = Begun(governing, document, mark, bearing, enquiry, started_at, record, before)
            return await self._run(asked, begun)

    async def _run(self, asked: Asked, begun: Begun) -> Answered:
        document, enquiry = begun.document, begun.enquiry
        # (4) Plan, (5) route, (6) bind to what the operator offers, (7) pass the consent gate.
        plan = self._plan(asked, begun)
        standing = self._tools.resolver.known(enquiry)
        if begun.governing.stopping(asked.principal, asked.request.action, document.id):
            return await self._halt(self._begin.open(asked, begun, plan, standing.route))
        case = self._begin.open(asked, begun, plan, standing.route)
        if not standing.ask_first:
            case = self._plan.bound(case, standing.route)

        # (3, again) The intent is durable before anybody hears of the number, and the idempotency key is ours.
        errand = self._ask.errand(case, enquiry)
        recalled = {} if standing.ask_first else self._ask.recall(case, errand)
        sources = self._tools.resolver.anywhere(enquiry) if standing.ask_first else case.route.sources
        reserved = await self._ask.reserve(case, recalled, sources)
        with self._tools.budget.spending(reserved) as bill:
            replay = await self._begin(case, asks=len(case.plan.items) > len(recalled))
            if replay is not None:
                return Answered(replay, replayed=True)
            try:
                # (5, again) Where a range is only a guess, a finder knows better.
                if standing.ask_first and case.plan.items:
                    deadline_s = errand.query.deadline_s
                    route = await self._tools.resolver.look_up(enquiry, standing.route, deadline_s=deadline_s)
                    case = self._plan.bound(case, route)
                    recalled = self._ask.recall(case, errand)
                # (8) Gather; (9) to (12) score, decide, offer, commit.
                bill.asking()
                case, answers = await self._ask(case, enquiry, errand, recalled)
                # (7, again) A consent may have been taken back while operators were asked.
                usable = await self._tools.permit.still(
                    answers.signals, asked.request, asked.principal.tenant, case.subject, begun.record
                )
                case = msgspec.structs.replace(case, consents=usable.consents)
                evidence = journey.sound(Evidence.of([*case.plan.unavailable, *usable.signals]), case.carried)
                cost, case = self._ask.cost(case, evidence, answers.asked)
                bill.spent = cost.total
                check, body = await self._settle(case, evidence, cost, wait_s=self._begin.wait_s(case))
                self._tools.settled(check, asked.request.action)
            except BaseException:
                self._tools.late_answers.give_up(errand)
                self._begin.give_back(case)
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
        _, body = await self._settle(case, Evidence.of(plan.unavailable), wait_s=self._begin.wait_s(case))
        return Answered(body, replayed=False)

    async def _enquiry(self, asked: Asked) -> Enquiry:
        tenant, phone = asked.principal.tenant, asked.request.subject.phone
        subject = self._tools.pseudonyms.subject(tenant, phone)
        lists = await self._tools.operators.lists(tenant)
        return Enquiry(tenant, subject, phone, asked.request.purpose, self._tools.new_correlator(), lists)


def require_purpose(gate: ConsentGate, document: PolicyDocument, purpose: str) -> None:
    """Let a purpose pass that is known, and that the policy allows.

    Raises:
        InvalidRequest: nobody knows it.
        NotPermitted: the policy does not allow its actions for it.
    """
    if not gate.knows(purpose):
        known = ", ".join(gate.known())
        raise InvalidRequest("the purpose is not known", [Fault("/purpose", f"send one of: {known}")])
    if not document.permits_purpose(purpose):
        raise NotPermitted(f"the policy {document.id} does not allow this action for the purpose {purpose}")

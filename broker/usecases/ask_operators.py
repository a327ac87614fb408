"""Hop 8 of a check: ask whoever serves the number, within the deadline, the law and the budget."""

from collections.abc import Mapping

import msgspec

from broker.adapter_kit.adapter import SignalQuery
from broker.domain.cost import CheckCost
from broker.domain.evidence import Evidence
from broker.domain.route import RouteBasis
from broker.domain.signal import Observed, SignalName
from broker.policy.cost import calls_of, cost_of
from broker.policy.waves import WavePlanner
from broker.policy.what_if import WhatIf
from broker.routing.ported import FollowsTheNumber
from broker.routing.resolver import Enquiry
from broker.signals.gather import Errand
from broker.usecases.asking import Answers, Asking
from broker.usecases.check_tools import CheckTools, Tariffs
from broker.usecases.consumers.budget import Reserved, most_of
from broker.usecases.ports import Case

# A swap older than this weighs nothing in any policy, so nobody is asked about more.
_WINDOW_S = 30 * 86_400.0


class AskOperators:
    """Gathers the answers to one plan, and knows what they cost."""

    def __init__(self, tools: CheckTools) -> None:
        self._tools = tools

    async def __call__(
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
        # Another check may have led the way meanwhile.
        learnt = following.route or resolver.found_deep(enquiry)
        known = learnt is not None and learnt.by is RouteBasis.FINDER_DEEP
        return (msgspec.structs.replace(case, route=learnt) if known else case), answers

    def errand(self, case: Case, enquiry: Enquiry) -> Errand:
        """What every question of this check says; each item of the plan asks under its own name."""
        request = case.asked.request
        # The signal only fills the field.
        query = SignalQuery(
            signal=SignalName.SIM_SWAP,
            phone=request.subject.phone,
            purpose=request.purpose,
            correlator=enquiry.correlator,
            deadline_s=self._until_s(case),
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

    def recall(self, case: Case, errand: Errand) -> dict[SignalName, Observed]:
        """What is known already and still fresh."""
        adapter = self._tools.through(case.route.sources)
        recalled = self._tools.asking.gatherer.recall(case.plan, adapter, errand) if adapter else {}
        possession = None if case.carried is None else case.carried.possession
        if possession is not None and any(item.signal is possession.name for item in case.plan.items):
            recalled[possession.name] = possession  # what this conversation has proven to another agent
        return recalled

    async def reserve(self, case: Case, recalled: Mapping[SignalName, Observed], sources: tuple[str, ...]) -> Reserved:
        """Reserve the most that the questions can cost, at any of these operators."""
        names = [item.signal for item in case.plan.items if item.signal not in recalled]
        tariffs = [self._tools.tariffs[name] for name in sources if name in self._tools.tariffs]
        return await self._tools.budget.reserve(case.asked.principal.tenant, most_of(names, tariffs))

    def cost(self, case: Case, evidence: Evidence, asked: frozenset[SignalName]) -> tuple[CheckCost, Case]:
        """The bill, and the case with the calls behind it."""
        preferred = self._tools.tariffs_through(case.route.sources)
        first = next(iter(case.route.sources), None)
        calls = calls_of(evidence, asked, (first, preferred), self._tools.tariffs)
        bill = cost_of(evidence, asked, preferred, self._tools.tariffs)
        return bill, msgspec.structs.replace(case, calls=calls)

    def _planner(self, case: Case, tariffs: Tariffs) -> WavePlanner:
        rules = case.document.rules(case.plan.action_class)
        table = self._tools.rulebook.table_of(case.document)
        now = case.started_at
        ends = self._tools.asking.waves.ends(table, rules)
        return WavePlanner(table, rules, WhatIf(table, case.document, rules, now, case.floors, ends), tariffs, now)

    def _until_s(self, case: Case) -> float:
        return case.asked.received_s + (case.plan.deadline_ms - self._tools.limits.reserve_ms) / 1000

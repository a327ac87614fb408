"""Hops 4, 6 and 7 of a check: what its policy wants to know, cut down to what can be asked and may be."""

import msgspec

from broker.domain.decision import ActionClass
from broker.domain.plan import Plan
from broker.domain.route import Route
from broker.domain.signal import Unavailability
from broker.policy import journey
from broker.policy import plan as planning
from broker.policy.document import PolicyDocument
from broker.routing.country import country_of
from broker.usecases.check_tools import Begun, CheckTools
from broker.usecases.ports import Asked, Case


class PlanCheck:
    """Makes plans; nobody is asked for anything."""

    def __init__(self, tools: CheckTools) -> None:
        self._tools = tools

    def __call__(self, asked: Asked, begun: Begun) -> Plan:
        """What the policy wants for this action and class, without what must not be asked about this person."""
        plan = self._draft(asked, begun.document, begun.bearing.action_class)
        if begun.before.carried is not None:
            plan = journey.expecting(plan, begun.document.rules(plan.action_class))
        permitted = self._tools.permit.plan(plan, asked.request, begun.record)
        return self._limit(permitted, begun.document, asked)

    def bound(self, case: Case, route: Route) -> Case:
        """The case with its plan cut down to what the sources of a route offer."""
        adapter = self._tools.through(route.sources)
        if adapter is None:
            names = [item.signal for item in case.plan.items]
            plan = planning.without(case.plan, names, Unavailability.UNSUPPORTED, route.code)
        else:
            plan = planning.bind(case.plan, adapter.capabilities.keys())
        return msgspec.structs.replace(case, plan=plan, route=route)

    def _draft(self, asked: Asked, document: PolicyDocument, action_class: ActionClass) -> Plan:
        limits = self._tools.limits
        return planning.draft(
            document,
            action_class,
            asked.request,
            deadline_ms_default=limits.deadline_default_ms,
            deadline_ms_cap=limits.deadline_cap_ms,
        )

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

"""Hops 4 and 6: what to ask for a check, and what is known to be out of reach before anybody is asked."""

import math
from collections.abc import Collection

import msgspec

from broker.domain.check import CheckRequest, Subject
from broker.domain.decision import ActionClass
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import SignalName, Unavailability, Unavailable
from broker.policy.document import PolicyDocument
from broker.policy.reading import NO_LOCATION_GIVEN
from broker.policy.rules import ADVERSE_MAX_AGES_S, CLEAN_MAX_AGES_S, ClassRules

NO_OPERATOR_TOKEN = "NO_OPERATOR_TOKEN"  # noqa: S105 - a reason code
"""The subscriber's own authentication did not come with the request; a step-up can add it."""

NO_DAY_GIVEN = "NO_DAY_GIVEN"
"""The caller did not say since when the number is this person's."""

NO_CLAIMS_GIVEN = "NO_CLAIMS_GIVEN"
"""The caller sent nothing that the person says about themself."""

_OF_THIS_SESSION = frozenset({SignalName.NUMBER_VERIFICATION})


def draft(
    document: PolicyDocument,
    action_class: ActionClass,
    request: CheckRequest,
    *,
    deadline_ms_default: int,
    deadline_ms_cap: int,
) -> Plan:
    """Everything that the policy wants to know, less what the request itself rules out.

    A location needs a place to compare with, number verification an operator token, number recycling and tenure the day
    of the binding, a match the person's claims; without them the signal is *not applicable* from the start.

    Raises:
        KeyError: the document does not define that class.
    """
    rules = document.rules(action_class)
    wanted_ms = request.deadline_ms or rules.deadline_ms or deadline_ms_default
    plan = Plan(
        policy_id=document.id,
        policy_version=document.version,
        action_class=action_class,
        items=tuple(_item(name, rules, request) for name in rules.wanted),
        unavailable=(),
        deadline_ms=min(wanted_ms, deadline_ms_cap),
    )
    for names, code, given in _needs(request.subject):
        if not given:
            plan = without(plan, names, Unavailability.NOT_APPLICABLE, code)
    return plan


def bind(plan: Plan, capabilities: Collection[SignalName]) -> Plan:
    """The plan with what the operator cannot answer moved to *unsupported*."""
    lacking = {item.signal for item in plan.items} - set(capabilities)
    return without(plan, lacking, Unavailability.UNSUPPORTED)


def without(plan: Plan, names: Collection[SignalName], reason: Unavailability, code: str | None = None) -> Plan:
    """The plan with these signals moved to *unavailable* for one reason; names that it does not ask for change nothing.

    ``code`` is from a closed list and never an operator's text.
    """
    lost = [Unavailable(item.signal, reason, code) for item in plan.items if item.signal in names]
    return msgspec.structs.replace(
        plan,
        items=tuple(item for item in plan.items if item.signal not in names),
        unavailable=tuple(sorted([*plan.unavailable, *lost], key=lambda one: one.name)),
    )


def _needs(subject: Subject) -> tuple[tuple[frozenset[SignalName], str, bool], ...]:
    """Which signals need which part of a request, and whether it came."""
    since_a_day = frozenset({SignalName.NUMBER_RECYCLING, SignalName.KYC_TENURE})
    claims = subject.claims is not None and bool(subject.claims.given())
    return (
        (frozenset({SignalName.LOCATION}), NO_LOCATION_GIVEN, subject.location is not None),
        (_OF_THIS_SESSION, NO_OPERATOR_TOKEN, subject.operator_token is not None),
        (since_a_day, NO_DAY_GIVEN, subject.bound_since is not None),
        (frozenset({SignalName.KYC_MATCH}), NO_CLAIMS_GIVEN, claims),
    )


def _item(name: SignalName, rules: ClassRules, request: CheckRequest) -> PlanItem:
    wanted_s = math.inf if request.max_evidence_age_s is None else float(request.max_evidence_age_s)
    return PlanItem(
        signal=name,
        required=any(name in group for group in rules.required),
        max_age_s=min(rules.max_age_s, CLEAN_MAX_AGES_S.get(name, math.inf), wanted_s),
        adverse_max_age_s=min(ADVERSE_MAX_AGES_S.get(name, 0.0), wanted_s),
    )

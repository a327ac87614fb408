"""What an earlier check of the same conversation counts for in this one: evidence like any other, and recorded so.

A person who has proven their SIM to one agent need not do so again for the next, for a short while; who was refused by
one is not met with open arms by the next. Possession is carried from a check about the very same subject and for the
same purpose alone: a conversation's id is a caller's word, and must not lend anybody the phone of somebody else.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from broker.domain.decision import ActionClass, Floor, Outcome, Verdict
from broker.domain.evidence import Evidence
from broker.domain.plan import Plan, PlanItem
from broker.domain.signal import AgeRange, Match, Observed, SignalName, Source, Unavailability, Unavailable
from broker.policy.plan import NO_OPERATOR_TOKEN
from broker.policy.reasons import ReasonCode
from broker.policy.rules import LINE, ClassRules

LINE_CHANGED_SINCE = "LINE_CHANGED_SINCE"
"""SIM or device changed after the possession that an earlier check proved."""

_POSSESSION = SignalName.NUMBER_VERIFICATION


class Step(msgspec.Struct, frozen=True):
    """An earlier check of a conversation, as far as it may count. ``possession`` is what it heard of the SIM."""

    check_id: str
    subject: bytes
    purpose: str
    settled_at: datetime
    outcome: Outcome
    verdict: Verdict
    possession: Observed | None


class Carried(msgspec.Struct, frozen=True):
    """Possession that an earlier check proved, and which one."""

    check_id: str
    possession: Observed


def carried(steps: Iterable[Step], subject: bytes, purpose: str, now: datetime, max_age_s: float) -> Carried | None:
    """The newest possession that still counts; ``None`` where the last word on it was another, or is too old.

    Args:
        steps: earlier checks of the conversation, in any order, of any subject.
        subject: whom the check is about.
        purpose: what the check is for: what was obtained for another is not used.
        now: when the check begins.
        max_age_s: how old a possession may be.
    """
    heard = [
        (one.possession.observed_at, one)
        for one in steps
        if one.possession is not None and (one.subject, one.purpose) == (subject, purpose)
    ]
    if not heard:
        return None
    # Defensive: of two answers at one instant the one that does not match counts.
    at, last = max(heard, key=lambda one: (one[0], _speaks_against(one[1])))
    possession = last.possession
    if possession is None or _speaks_against(last) or not 0.0 <= (now - at).total_seconds() < max_age_s:
        return None
    return Carried(last.check_id, msgspec.structs.replace(possession, source=_again(possession), latency_ms=0.0))


def _speaks_against(step: Step) -> bool:
    """Whether a check gives no reason to believe in its possession: no match, a denial, suspicion, or not its own."""
    told = step.possession
    if told is None or told.value != Match(matched=True) or told.source.cached:
        return True
    return step.outcome is Outcome.DENY or step.verdict is Verdict.SUSPICIOUS


def floors(steps: Iterable[Step], since: datetime, *, crowded: bool) -> tuple[Floor, ...]:
    """What a denial in the same conversation asks for, whatever it was about: more proof, at least.

    ``crowded`` says that there may be earlier ones that nobody has looked at. Defensive: nobody asks so often in one
    conversation, and a flood must not push a denial out of sight.
    """
    denied = crowded or any(one.outcome is Outcome.DENY and one.settled_at > since for one in steps)
    return (Floor(ReasonCode.JOURNEY_ADVERSE.value, Outcome.STEP_UP),) if denied else ()


def expecting(plan: Plan, rules: ClassRules) -> Plan:
    """The plan with possession in it, where it was left out for want of a token; never for a critical action."""
    missed = Unavailable(_POSSESSION, Unavailability.NOT_APPLICABLE, NO_OPERATOR_TOKEN)
    if missed not in plan.unavailable or rules.action_class is ActionClass.CRITICAL:
        return plan
    item = PlanItem(_POSSESSION, required=any(_POSSESSION in group for group in rules.required), max_age_s=0.0)
    return msgspec.structs.replace(
        plan, items=(*plan.items, item), unavailable=tuple(one for one in plan.unavailable if one != missed)
    )


def sound(evidence: Evidence, from_before: Carried | None) -> Evidence:
    """The evidence without a carried possession that the line has outlived: whoever held the SIM then may not now."""
    if from_before is None or evidence.get(_POSSESSION) != from_before.possession:
        return evidence
    at = from_before.possession.observed_at
    if not any(_may_have_changed_since(evidence.observed(name), at) for name in LINE):
        return evidence
    gone = Unavailable(_POSSESSION, Unavailability.NOT_APPLICABLE, LINE_CHANGED_SINCE)
    return Evidence.of([gone if one.name is _POSSESSION else one for one in evidence.signals])


def _may_have_changed_since(line: Observed | None, at: datetime) -> bool:
    """Whether a known change may be younger than an instant; an open end says what did not happen."""
    if line is None or not isinstance(line.value, AgeRange) or line.value.at_most_s is None:
        return False
    return line.value.at_least_s <= (line.observed_at - at).total_seconds()


def _again(possession: Observed) -> Source:
    return msgspec.structs.replace(possession.source, cached=True)

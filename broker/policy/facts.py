"""What gates and requirements look at: the bare facts in each signal, as bits.

Planning supposes a dozen things of one check, of which each differs from the last in a signal or two. So what a signal
says to gates is found once for each signal, and putting signals together is a handful of "or".
"""

from collections.abc import Iterable, Mapping

import msgspec

from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    Flag,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Unavailability,
    Unavailable,
)
from broker.policy.ages import DAY_S
from broker.policy.rules import OPERATOR_FAILED, ClassRules, SignalGroup
from broker.policy.telling import clears, is_known_change
from broker.policy.tenure import before_binding

BIT: Mapping[SignalName, int] = {name: 1 << at for at, name in enumerate(SignalName)}
"""The bit of each signal in a set of signals."""

MISMATCH, MATCH, YOUNG_SIM, ELSEWHERE, FORWARDED, RECYCLED, UNKNOWN_NUMBER = (1 << at for at in range(7))
"""Marks: what one answer by itself says to the gates."""


class Facts(msgspec.Struct, frozen=True):
    """The facts of some signals; every field but ``marks`` is a set of signals, as :data:`BIT` names them.

    ``telling`` answers say enough for a requirement, ``clearing`` ones also exclude a change within its window.
    ``failed`` is an operator's failure. ``excused`` are changes from before the person was linked to the number, which
    no signal tells by itself.
    """

    observed: int = 0
    telling: int = 0
    clearing: int = 0
    failed: int = 0
    unsupported: int = 0
    excused: int = 0
    marks: int = 0

    @classmethod
    def of(cls, evidence: Evidence, rules: ClassRules) -> "Facts":
        """The facts of a check's evidence for its class."""
        excused = before_binding(evidence, rules.action_class)
        return together([facts_of(signal, rules) for signal in evidence.signals], excused)

    def has(self, marks: int) -> bool:
        """Whether all these marks are there."""
        return self.marks & marks == marks


def facts_of(signal: Signal, rules: ClassRules) -> Facts:
    """The facts of one signal for a class."""
    bit = BIT[signal.name]
    if isinstance(signal, Unavailable):
        return Facts(
            failed=bit if signal.reason in OPERATOR_FAILED else 0,
            unsupported=bit if signal.reason is Unavailability.UNSUPPORTED else 0,
            marks=UNKNOWN_NUMBER if signal.reason is Unavailability.UNKNOWN_SUBSCRIBER else 0,
        )
    clearing = clears(signal, rules.windows_s)
    return Facts(
        observed=bit,
        telling=bit if clearing or is_known_change(signal) else 0,
        clearing=bit if clearing else 0,
        marks=_mark(signal, rules.action_class),
    )


def together(parts: Iterable[Facts], excused: Iterable[SignalName]) -> Facts:
    """The facts of several signals, of which these are excused."""
    observed = telling = clearing = failed = unsupported = marks = 0
    for one in parts:
        observed |= one.observed
        telling |= one.telling
        clearing |= one.clearing
        failed |= one.failed
        unsupported |= one.unsupported
        marks |= one.marks
    return Facts(observed, telling, clearing, failed, unsupported, bits(excused), marks)


def bits(names: Iterable[SignalName]) -> int:
    """A set of signals."""
    found = 0
    for name in names:
        found |= BIT[name]
    return found


def lacking(facts: Facts, rules: ClassRules) -> tuple[SignalGroup, ...]:
    """The required groups without a telling answer."""
    told = facts.telling | settled_by_binding(facts, rules)
    return tuple(group for group in rules.required if not told & bits(group))


def settled_by_binding(facts: Facts, rules: ClassRules) -> int:
    """The signals of which a requirement asks no more: what changed, if anything, did so before the binding.

    For low and medium alone: the day of the binding is the caller's word.
    """
    return facts.excused if rules.action_class <= ActionClass.MEDIUM else 0


def unknown_number(evidence: Evidence) -> bool:
    """Whether the operator that should own the number does not know it."""
    return any(
        isinstance(signal, Unavailable) and signal.reason is Unavailability.UNKNOWN_SUBSCRIBER
        for signal in evidence.signals
    )


def sim_changed_24h(value: AgeRange, action_class: ActionClass) -> bool:
    """Whether the SIM is known to have changed, and not more than a day ago.

    High and critical take the younger end of a range, others the older. An open end is no known change: it says what
    did not happen in a window, and the score weighs what that leaves open.
    """
    if value.at_most_s is None:
        return False
    return (value.at_least_s if action_class >= ActionClass.HIGH else value.at_most_s) <= DAY_S


def _mark(signal: Observed, action_class: ActionClass) -> int:
    match signal.name, signal.value:
        case SignalName.NUMBER_VERIFICATION, Match(matched=matched):
            return MATCH if matched else MISMATCH
        case SignalName.SIM_SWAP, AgeRange() as age:
            return YOUNG_SIM if sim_changed_24h(age, action_class) else 0
        case SignalName.LOCATION, Presence(overlap=Overlap.OUTSIDE):
            return ELSEWHERE
        case SignalName.CALL_FORWARDING, Flag(active=True):
            return FORWARDED
        case SignalName.NUMBER_RECYCLING, Flag(active=True):
            return RECYCLED
        case _:
            return 0

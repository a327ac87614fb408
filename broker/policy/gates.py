"""Facts that decide beside the score. A gate sets a floor or withholds a method; it cannot loosen anything.

That is structural: a :class:`Gate` only names a floor, and the decision takes the maximum over floors; methods are only
ever taken away. Ages are judged as they were observed, without what has passed since: that errs on the strict side.
"""

from collections.abc import Iterator

import msgspec

from broker.domain.decision import ActionClass, Assessment, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    Flag,
    Match,
    Overlap,
    Presence,
    SignalName,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.ages import DAY_S
from broker.policy.rules import (
    LINE,
    ON_THE_PHONE_NETWORK,
    ON_THE_SIM,
    OPERATOR_FAILED,
    ClassRules,
    GateCode,
    SignalGroup,
    StepUpMethod,
)
from broker.policy.telling import any_clears, any_telling
from broker.policy.tenure import before_binding

EVIDENCE_MISSING = "EVIDENCE_MISSING"
ACTION_SENSITIVE = "ACTION_SENSITIVE"
POLICY_FLOOR = "POLICY_FLOOR"


class Gate(msgspec.Struct, frozen=True):
    """A gate or floor that fired: its code, the least outcome, and the step-up methods that it withholds."""

    code: str
    floor: Outcome
    withholds: frozenset[StepUpMethod] = frozenset()


def gates(evidence: Evidence, rules: ClassRules) -> tuple[Gate, ...]:
    """The gates and floors that the evidence fires for a class and that ask for something, in a fixed order."""
    fired = (*_fact_gates(evidence, rules), *_floors(evidence, rules))
    return tuple(gate for gate in fired if gate.floor > Outcome.ALLOW or gate.withholds)


def lacking(evidence: Evidence, rules: ClassRules) -> tuple[SignalGroup, ...]:
    """The required groups without a telling answer."""
    return tuple(group for group in rules.required if not any_telling(evidence, group, rules.windows_s))


def change_floor(evidence: Evidence, rules: ClassRules) -> Outcome:
    """The least for a change within the required window: what is known must not do better than what might have been."""
    excused = before_binding(evidence, rules.action_class)
    cleared = all(excused & set(group) or any_clears(evidence, group, rules.windows_s) for group in rules.required)
    return Outcome.ALLOW if cleared else rules.missing_floor


def in_doubt(assessment: Assessment) -> frozenset[StepUpMethod]:
    """Methods of the phone network, once SIM or device speak against the line: their codes may go to somebody else."""
    adverse = any(one.signal in LINE and one.weight > 0.0 for one in assessment.contributions)
    return ON_THE_PHONE_NETWORK if adverse else frozenset()


def sim_changed_24h(evidence: Evidence, action_class: ActionClass) -> bool:
    """Whether the SIM is known to have changed, and not more than a day ago.

    High and critical take the younger end of a range, others the older. An open end is no known change: it says what
    did not happen in a window, and the score weighs what that leaves open.
    """
    value = _value(evidence, SignalName.SIM_SWAP)
    if not isinstance(value, AgeRange) or value.at_most_s is None:
        return False
    return (value.at_least_s if action_class >= ActionClass.HIGH else value.at_most_s) <= DAY_S


def unknown_number(evidence: Evidence) -> bool:
    """Whether the operator that should own the number does not know it."""
    return any(
        isinstance(signal, Unavailable) and signal.reason is Unavailability.UNKNOWN_SUBSCRIBER
        for signal in evidence.signals
    )


def _fact_gates(evidence: Evidence, rules: ClassRules) -> Iterator[Gate]:
    floors = rules.gate_floors
    possession = _value(evidence, SignalName.NUMBER_VERIFICATION)
    forwarding = _value(evidence, SignalName.CALL_FORWARDING)
    young = sim_changed_24h(evidence, rules.action_class)
    elsewhere = young and _outside(evidence)
    if possession == Match(matched=False):
        yield Gate(GateCode.POSSESSION_MISMATCH, floors[GateCode.POSSESSION_MISMATCH], ON_THE_PHONE_NETWORK)
    if young:
        # Defensive: the floor of the conflict holds without the match, too, or hiding the match would pay.
        floor = max(
            floors[GateCode.SIM_CHANGED_24H], floors[GateCode.EVIDENCE_CONFLICT] if elsewhere else Outcome.ALLOW
        )
        yield Gate(GateCode.SIM_CHANGED_24H, floor, ON_THE_PHONE_NETWORK | ON_THE_SIM)
    if forwarding == Flag(active=True):
        yield Gate(GateCode.LINE_FORWARDED, floors[GateCode.LINE_FORWARDED], frozenset({StepUpMethod.VOICE_CALL}))
    if elsewhere and possession == Match(matched=True):
        yield Gate(GateCode.EVIDENCE_CONFLICT, floors[GateCode.EVIDENCE_CONFLICT])
    if _value(evidence, SignalName.NUMBER_RECYCLING) == Flag(active=True):
        # Whoever answers on this line now is not the person it was bound to: the line proves nothing about them.
        yield Gate(GateCode.NUMBER_RECYCLED, floors[GateCode.NUMBER_RECYCLED], ON_THE_PHONE_NETWORK | ON_THE_SIM)
    if unknown_number(evidence):
        yield Gate(GateCode.UNKNOWN_NUMBER, floors[GateCode.UNKNOWN_NUMBER], ON_THE_PHONE_NETWORK)


def _floors(evidence: Evidence, rules: ClassRules) -> Iterator[Gate]:
    if missing := lacking(evidence, rules):
        withheld = ON_THE_PHONE_NETWORK if rules.action_class >= ActionClass.HIGH else frozenset()
        yield Gate(EVIDENCE_MISSING, max(_missing_floor(evidence, rules, group) for group in missing), withheld)
    if not any(evidence.observed(name) for name in SignalName):
        yield Gate(EVIDENCE_MISSING, Outcome.STEP_UP)  # empty is never trust, whatever the class
    if rules.action_class is ActionClass.CRITICAL:
        yield Gate(ACTION_SENSITIVE, Outcome.STEP_UP)  # no amount of clean network data buys a critical action


def _missing_floor(evidence: Evidence, rules: ClassRules, group: SignalGroup) -> Outcome:
    """The fail mode where an operator failed; one step softer for low and medium where it could not have answered."""
    if any(_failed(evidence, name) for name in group):
        return rules.failed_floor
    soft = rules.action_class <= ActionClass.MEDIUM and all(_unsupported(evidence, name) for name in group)
    return Outcome(max(rules.missing_floor - 1, Outcome.ALLOW)) if soft else rules.missing_floor


def _unsupported(evidence: Evidence, name: SignalName) -> bool:
    signal = evidence.get(name)
    return isinstance(signal, Unavailable) and signal.reason is Unavailability.UNSUPPORTED


def _failed(evidence: Evidence, name: SignalName) -> bool:
    signal = evidence.get(name)
    return isinstance(signal, Unavailable) and signal.reason in OPERATOR_FAILED


def _outside(evidence: Evidence) -> bool:
    value = _value(evidence, SignalName.LOCATION)
    return isinstance(value, Presence) and value.overlap is Overlap.OUTSIDE


def _value(evidence: Evidence, name: SignalName) -> Value | None:
    signal = evidence.observed(name)
    return None if signal is None else signal.value

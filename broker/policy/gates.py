"""Facts that decide beside the score. A gate sets a floor or withholds a method; it cannot loosen anything.

That is structural: a :class:`Gate` only names a floor, and the decision takes the maximum over floors; methods are only
ever taken away. Ages are judged as they were observed, without what has passed since: that errs on the strict side.
"""

from collections.abc import Iterator

import msgspec

from broker.domain.decision import ActionClass, Outcome
from broker.policy.facts import (
    ELSEWHERE,
    FORWARDED,
    MATCH,
    MISMATCH,
    RECYCLED,
    UNKNOWN_NUMBER,
    YOUNG_SIM,
    Facts,
    bits,
    lacking,
    settled_by_binding,
)
from broker.policy.rules import ON_THE_PHONE_NETWORK, ON_THE_SIM, ClassRules, GateCode, SignalGroup, StepUpMethod

EVIDENCE_MISSING = "EVIDENCE_MISSING"
ACTION_SENSITIVE = "ACTION_SENSITIVE"
POLICY_FLOOR = "POLICY_FLOOR"


class Gate(msgspec.Struct, frozen=True):
    """A gate or floor that fired: its code, the least outcome, and the step-up methods that it withholds."""

    code: str
    floor: Outcome
    withholds: frozenset[StepUpMethod] = frozenset()


def gates(facts: Facts, rules: ClassRules) -> tuple[Gate, ...]:
    """The gates and floors that the facts fire for a class and that ask for something, in a fixed order."""
    fired = (*(_fact_gates(facts, rules) if facts.marks else ()), *_floors(facts, rules))
    return tuple(gate for gate in fired if gate.floor > Outcome.ALLOW or gate.withholds)


def change_floor(facts: Facts, rules: ClassRules) -> Outcome:
    """The least for a change within the required window: what is known must not do better than what might have been."""
    cleared = facts.clearing | settled_by_binding(facts, rules)
    return Outcome.ALLOW if all(cleared & bits(group) for group in rules.required) else rules.missing_floor


def _fact_gates(facts: Facts, rules: ClassRules) -> Iterator[Gate]:
    floors = rules.gate_floors
    elsewhere = facts.has(YOUNG_SIM | ELSEWHERE)
    if facts.has(MISMATCH):
        yield Gate(GateCode.POSSESSION_MISMATCH, floors[GateCode.POSSESSION_MISMATCH], ON_THE_PHONE_NETWORK)
    if facts.has(YOUNG_SIM):
        # Defensive: the floor of the conflict holds without the match, too, or hiding the match would pay.
        floor = max(
            floors[GateCode.SIM_CHANGED_24H], floors[GateCode.EVIDENCE_CONFLICT] if elsewhere else Outcome.ALLOW
        )
        yield Gate(GateCode.SIM_CHANGED_24H, floor, ON_THE_PHONE_NETWORK | ON_THE_SIM)
    if facts.has(FORWARDED):
        yield Gate(GateCode.LINE_FORWARDED, floors[GateCode.LINE_FORWARDED], frozenset({StepUpMethod.VOICE_CALL}))
    if elsewhere and facts.has(MATCH):
        yield Gate(GateCode.EVIDENCE_CONFLICT, floors[GateCode.EVIDENCE_CONFLICT])
    if facts.has(RECYCLED):
        # Whoever answers on this line now is not the person it was bound to: the line proves nothing about them.
        yield Gate(GateCode.NUMBER_RECYCLED, floors[GateCode.NUMBER_RECYCLED], ON_THE_PHONE_NETWORK | ON_THE_SIM)
    if facts.has(UNKNOWN_NUMBER):
        yield Gate(GateCode.UNKNOWN_NUMBER, floors[GateCode.UNKNOWN_NUMBER], ON_THE_PHONE_NETWORK)


def _floors(facts: Facts, rules: ClassRules) -> Iterator[Gate]:
    if missing := lacking(facts, rules):
        withheld = ON_THE_PHONE_NETWORK if rules.action_class >= ActionClass.HIGH else frozenset()
        yield Gate(EVIDENCE_MISSING, max(_missing_floor(facts, rules, group) for group in missing), withheld)
    if not facts.observed:
        # Empty is never trust, whatever the class; and a code goes to whoever holds a SIM of which nothing is known.
        yield Gate(EVIDENCE_MISSING, _unseen_floor(facts, rules), ON_THE_PHONE_NETWORK)
    if rules.action_class is ActionClass.CRITICAL:
        yield Gate(ACTION_SENSITIVE, Outcome.STEP_UP)  # no amount of clean network data buys a critical action


def _unseen_floor(facts: Facts, rules: ClassRules) -> Outcome:
    """The least where nothing at all could be seen.

    Defensive (T2): as much as for a number that its operator does not know. Else whoever may ask for a sensitive action
    could tell such a number from one that nobody here can ask about, and from a person who has not consented. An
    operator that failed tells nothing about the number, and has a fail mode of its own.
    """
    return Outcome.STEP_UP if facts.failed else max(Outcome.STEP_UP, rules.gate_floors[GateCode.UNKNOWN_NUMBER])


def _missing_floor(facts: Facts, rules: ClassRules, group: SignalGroup) -> Outcome:
    """The fail mode where an operator failed; one step softer for low and medium where it could not have answered."""
    wanted = bits(group)
    if facts.failed & wanted:
        return rules.failed_floor
    soft = rules.action_class <= ActionClass.MEDIUM and facts.unsupported & wanted == wanted
    return Outcome(max(rules.missing_floor - 1, Outcome.ALLOW)) if soft else rules.missing_floor

"""Is one policy document looser than another? The rule by which a second person is asked for.

A document is *looser* where any of the following holds, *stricter* where only the opposite was found, *unclear* where a
condition was rewritten and nothing found tells which way; unclear is treated as looser.

* It governs an action type that the other does not (without a policy nothing is allowed), under another purpose, or
  lets a signal be asked where the other forbids it.
* An action on the grid (:func:`broker.policy.grid.actions`) gets a lower class.
* A class that both define has a lower floor, fail mode or gate, requires or wants less, takes older answers or
  shorter windows, or its
  prior, value and costs make a looser outcome the cheapest at some weight of evidence.
* A step-up method is offered that was not.
* The table that it is decided by lets some evidence weigh less (:mod:`broker.policy.compare_tables`).
* At a point of the grid (:func:`broker.policy.grid.evidences`) the decision is looser. The points are every pair of
  answers with the rest clean, and every answer with the rest failed: a sample, so the structure is compared as well.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Outcome
from broker.domain.evidence import Evidence
from broker.policy import grid
from broker.policy.compare_tables import table_changes
from broker.policy.compared import Change, Difference, Direction, way
from broker.policy.costs import cheapest
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument, SignalLimit
from broker.policy.evidence_table import EvidenceTable
from broker.policy.rules import ClassRules, GateCode
from broker.policy.score import assess, probability
from broker.policy.sketch import INSTANT

WITNESSES_MAX = 5
_NATS = tuple(step / 20 for step in range(-160, 241))


class Ruled(NamedTuple):
    """A document and the table that it is decided by."""

    document: PolicyDocument
    table: EvidenceTable


def compare(before: Ruled, after: Ruled) -> Difference:
    """What changes if ``after`` takes the place of ``before``."""
    old, new = before.document, after.document
    changes = [*_scope(old, new), *_methods(old, new), *_limits(old, new), *table_changes(before.table, after.table)]
    pairs: set[tuple[ActionClass, ActionClass]] = set()
    for kind in sorted(old.actions.keys() & new.actions.keys()):
        changes += _classing(kind, old, new, pairs)
    for one in sorted(old.classes.keys() & new.classes.keys()):
        changes += _class_changes(f"classes.{one.wire}", old.classes[one], new.classes[one])
    for was, now in sorted(pairs):
        changes += _decisions(before, old.rules(was), after, new.rules(now))
    return Difference(_overall(changes), tuple(changes))


def _overall(changes: list[Change]) -> Direction:
    found = {change.direction for change in changes}
    order = (Direction.LOOSER, Direction.UNCLEAR, Direction.STRICTER)
    return next((one for one in order if one in found), Direction.NEUTRAL)


def _scope(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    for kind in sorted(new.actions.keys() - old.actions.keys()):
        yield Change(f"actions.{kind}", Direction.LOOSER, "is governed now; before, nothing allowed it")
    for kind in sorted(old.actions.keys() - new.actions.keys()):
        yield Change(f"actions.{kind}", Direction.STRICTER, "is not governed any more; nothing allows it")
    if old.purposes != new.purposes:
        wider = old.purposes is not None and (new.purposes is None or bool(new.purposes - old.purposes))
        goes = Direction.LOOSER if wider else Direction.STRICTER
        yield Change("purposes", goes, f"{_listed(old.purposes)} -> {_listed(new.purposes)}")


def _methods(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    for method in sorted(set(new.methods) - set(old.methods)):
        yield Change("step_up_methods", Direction.LOOSER, f"{method} is offered now")
    for method in sorted(set(old.methods) - set(new.methods)):
        yield Change("step_up_methods", Direction.STRICTER, f"{method} is not offered any more")


def _limits(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    anywhere = SignalLimit(None, None)
    for name in sorted(old.limits.keys() | new.limits.keys()):
        before, after = old.limits.get(name, anywhere), new.limits.get(name, anywhere)
        for key in ("countries", "legal_bases"):
            was, now = getattr(before, key), getattr(after, key)
            if was != now:
                wider = was is not None and (now is None or bool(now - was))
                goes = Direction.LOOSER if wider else Direction.STRICTER
                yield Change(f"signals.{name}.{key}", goes, f"{_listed(was)} -> {_listed(now)}")


def _classing(
    kind: str, old: PolicyDocument, new: PolicyDocument, pairs: set[tuple[ActionClass, ActionClass]]
) -> Iterator[Change]:
    """How the class of an action type changes; the pairs of classes seen are added to ``pairs``."""
    moved: dict[tuple[ActionClass, ActionClass], Action] = {}
    for action in grid.actions(kind, (old, new)):
        pair = (old.actions[kind].classify(action), new.actions[kind].classify(action))
        moved.setdefault(pair, action)
    pairs.update(moved)
    for (before, after), action in sorted(moved.items(), key=lambda item: item[0]):
        if before is not after:
            detail = f"{before.wire} -> {after.wire}, for one with {_shown(action)}"
            yield Change(f"actions.{kind}", way(before, after), detail)
    texts = [[(rule.text, gives) for rule, gives in one.actions[kind].rules] for one in (old, new)]
    if texts[0] != texts[1]:
        yield Change(f"actions.{kind}.rules", Direction.UNCLEAR, "were rewritten; compared on sampled actions only")


def _class_changes(where: str, old: ClassRules, new: ClassRules) -> Iterator[Change]:
    for key, name in (("missing_floor", "floor"), ("failed_floor", "fail_mode")):
        before, after = getattr(old, key), getattr(new, key)
        if before is not after:
            yield Change(f"{where}.{name}", way(before, after), f"{before.wire} -> {after.wire}")
    for code in GateCode:
        floor, now = old.gate_floors[code], new.gate_floors[code]
        if floor is not now:
            yield Change(f"{where}.gates.{code}", way(floor, now), f"{floor.wire} -> {now.wire}")
    if old.max_age_s != new.max_age_s:
        goes = way(new.max_age_s, old.max_age_s)
        yield Change(f"{where}.max_age_s", goes, f"{old.max_age_s:g} -> {new.max_age_s:g}")
    for name in sorted(old.windows_s.keys() | new.windows_s.keys()):
        window_s, now_s = old.windows_s.get(name, 0.0), new.windows_s.get(name, 0.0)
        if window_s != now_s:
            yield Change(f"{where}.windows_s.{name}", way(window_s, now_s), f"{window_s:g} -> {now_s:g}")
    yield from _asked(where, old, new)
    yield from _weighing(where, old, new)


def _asked(where: str, old: ClassRules, new: ClassRules) -> Iterator[Change]:
    """A group is still required where some group of the other asks for no more than its members."""
    for one, other, goes, word in ((old, new, Direction.LOOSER, "no longer"), (new, old, Direction.STRICTER, "now")):
        for group in one.required:
            if not any(set(held) <= set(group) for held in other.required):
                yield Change(f"{where}.required", goes, f"{' or '.join(group)} is {word} required")
    for name in sorted(set(old.wanted) - set(new.wanted)):
        yield Change(f"{where}.wanted", Direction.LOOSER, f"{name} is no longer asked")
    for name in sorted(set(new.wanted) - set(old.wanted)):
        yield Change(f"{where}.wanted", Direction.NEUTRAL, f"{name} is asked now: more is learnt about the person")


def _weighing(where: str, old: ClassRules, new: ClassRules) -> Iterator[Change]:
    """What prior, value and costs make of the same evidence, over all weights that evidence can have."""
    if (old.prior, old.value_at_risk, old.costs) == (new.prior, new.value_at_risk, new.costs):
        return
    points = [(nats, weak) for nats in _NATS for weak in (False, True)]
    steps = [(nats, _cheapest(old, nats, weak), _cheapest(new, nats, weak)) for nats, weak in points]
    for goes, found in (
        (Direction.LOOSER, [step for step in steps if step[2] < step[1]]),
        (Direction.STRICTER, [step for step in steps if step[2] > step[1]]),
    ):
        if found:
            nats, before, after = found[0]
            detail = f"evidence of {nats:+.2f} nats makes {after.wire} the cheapest, and not {before.wire}"
            yield Change(f"{where}.costs", goes, detail)


def _cheapest(rules: ClassRules, nats: float, weak: bool) -> Outcome:
    prior = math.log(rules.prior / (1.0 - rules.prior))
    return cheapest(rules, probability(prior + nats), weak_step_up=weak)


def _decisions(old: Ruled, old_rules: ClassRules, new: Ruled, new_rules: ClassRules) -> Iterator[Change]:
    """Witnesses from the grid of evidence, a few for each way; the words are those of worked examples."""
    if old_rules == new_rules and old.document.methods == new.document.methods and old.table == new.table:
        return
    where = f"decisions.{old_rules.action_class.wire}"
    left = dict.fromkeys((Direction.LOOSER, Direction.STRICTER), WITNESSES_MAX)
    for told, evidence in grid.evidences((*old_rules.wanted, *new_rules.wanted)):
        before, after = _outcome(old, old_rules, evidence), _outcome(new, new_rules, evidence)
        if before is after:
            continue
        goes = way(before, after)
        if left[goes]:
            left[goes] -= 1
            yield Change(where, goes, f"{before.wire} -> {after.wire} with {told}")


def _outcome(ruled: Ruled, rules: ClassRules, evidence: Evidence) -> Outcome:
    return decide(assess(ruled.table, rules, evidence, INSTANT), evidence, rules, ruled.document).outcome


def _shown(action: Action) -> str:
    amount = f"{action.amount.value} {action.amount.currency}" if action.amount else "no amount"
    attributes = "".join(f", {name} {value}" for name, value in action.attributes.items())
    return f"{amount}{attributes}"


def _listed(names: frozenset[str] | None) -> str:
    return "any" if names is None else ", ".join(sorted(names))

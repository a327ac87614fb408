"""What makes a policy document looser than it looks, and is therefore refused; and the floors that it really has."""

from collections.abc import Iterator
from itertools import pairwise

from broker.domain.decision import ActionClass, ClassName, Outcome
from broker.domain.signal import SignalName
from broker.policy.rules import GATE_FLOORS, MAX_AGES_S, MISSING_FLOORS, GateCode
from broker.policy.telling import WINDOWS_S, Windows
from broker.policy.written import CostsFile, PolicyFile
from broker.policy.yaml_text import Path


def faults_of(file: PolicyFile, purposes: frozenset[str] | None) -> Iterator[tuple[Path, str]]:
    """What is wrong with a document that has the right shape, by path; ``purposes`` are those of the deployment."""
    for index, purpose in enumerate(file.purposes or []):
        if purposes is not None and purpose not in purposes:
            yield ("purposes", index), f"the purpose {purpose} is not known; use one of {', '.join(sorted(purposes))}"
    yield from _action_faults(file)
    yield from _class_faults(file)
    yield from _order_faults(file)
    yield from _gate_faults(file)
    yield from _cost_faults(file.costs)


def _action_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for name, entry in file.actions.items():
        for index, rule in enumerate(entry.rules):
            if rule.gives not in file.classes:
                yield ("actions", name, "rules", index, "class"), f"{rule.gives} is not defined under `classes`"
            if _class(rule.gives) > _class(entry.default):
                yield (
                    ("actions", name, "default"),
                    f"is looser than the rule that gives {rule.gives}: the default must be the strictest class",
                )
        if entry.default not in file.classes:
            yield ("actions", name, "default"), f"{entry.default} is not defined under `classes`"


def _class_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for name, entry in file.classes.items():
        if _class(name) >= ActionClass.MEDIUM and not entry.required:
            yield ("classes", name, "required"), f"{name} must require something: empty is never trust"
        for index, group in enumerate(entry.required):
            for signal in set(group) - set(entry.wanted):
                yield ("classes", name, "required", index), f"{signal.value} is required and not among `wanted`"
        for signal, window_s in entry.windows_s.items():
            least_s = WINDOWS_S[_class(name)].get(signal, 0.0)
            if window_s < least_s:
                yield ("classes", name, "windows_s", signal.value), f"must be at least {least_s:.0f}"
        if entry.floor is not None and Outcome[entry.floor.upper()] < MISSING_FLOORS[_class(name)]:
            yield ("classes", name, "floor"), f"must be at least {MISSING_FLOORS[_class(name)].wire}"
        if failed_floor(file, _class(name)) < missing_floor(file, _class(name)):
            yield ("classes", name, "fail_mode"), f"must be at least {missing_floor(file, _class(name)).wire}"


def _order_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    """A more sensitive class must not be looser in any number."""
    classes = defined(file)
    for lower, higher in pairwise(classes):
        left, right, path = file.classes[lower.wire], file.classes[higher.wire], ("classes", higher.wire)
        for key, looser in (
            ("prior", right.prior < left.prior),
            ("value_at_risk", right.value_at_risk < left.value_at_risk),
            ("max_age_s", max_age_s(file, higher) > max_age_s(file, lower)),
            ("floor", missing_floor(file, higher) < missing_floor(file, lower)),
            ("fail_mode", failed_floor(file, higher) < failed_floor(file, lower)),
        ):
            if looser:
                yield (*path, key), f"is looser than that of {lower.wire}"


def _gate_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for code, floors in file.gates.items():
        for name, outcome in floors.items():
            least = gate_floor(file, code, _class(name))
            if Outcome[outcome.upper()] < least:
                yield ("gates", code.value, name), f"must be at least {least.wire}: gates are only ever tightened"


def _cost_faults(costs: CostsFile) -> Iterator[tuple[Path, str]]:
    """Without these orders a higher probability of fraud could make a looser outcome the cheaper one."""
    for lower, higher in (
        ("weak_step_up_stops", "step_up_stops"),
        ("step_up_stops", "review_stops"),
        ("step_up_friction", "review_friction"),
        ("review_friction", "insult"),
    ):
        if getattr(costs, lower) > getattr(costs, higher):
            yield ("costs", lower), f"must not be above {higher}"


def gate_floor(file: PolicyFile, code: GateCode, action_class: ActionClass) -> Outcome:
    """The strictest of the built-in and written floors of this class and those below."""
    written = file.gates.get(code, {})
    floors = [Outcome.ALLOW]
    for one in ActionClass:
        if one <= action_class:
            floors += [GATE_FLOORS[code].get(one, Outcome.ALLOW), Outcome[written.get(one.wire, "allow").upper()]]
    return max(floors)


def missing_floor(file: PolicyFile, action_class: ActionClass) -> Outcome:
    """The least outcome where required evidence is missing."""
    written = file.classes[action_class.wire].floor
    return MISSING_FLOORS[action_class] if written is None else Outcome[written.upper()]


def failed_floor(file: PolicyFile, action_class: ActionClass) -> Outcome:
    """The least outcome where an operator's failure is why required evidence is missing."""
    written = file.classes[action_class.wire].fail_mode
    return missing_floor(file, action_class) if written is None else Outcome[written.upper()]


def max_age_s(file: PolicyFile, action_class: ActionClass) -> float:
    """How old an answer may be."""
    written = file.classes[action_class.wire].max_age_s
    return MAX_AGES_S[action_class] if written is None else written


def windows_s(file: PolicyFile, action_class: ActionClass) -> Windows:
    """The longest of the built-in and written windows of this class and those below."""
    windows: dict[SignalName, float] = dict(WINDOWS_S[action_class])
    for one in defined(file):
        if one <= action_class:
            for name, window_s in file.classes[one.wire].windows_s.items():
                windows[name] = max(windows.get(name, 0.0), window_s)
    return windows


def defined(file: PolicyFile) -> list[ActionClass]:
    """The classes of a document, in order."""
    return [one for one in ActionClass if one.wire in file.classes]


def _class(name: ClassName) -> ActionClass:
    return ActionClass[name.upper()]

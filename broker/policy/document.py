"""Policy documents: how sensitive each action is, what must be known for it, and what mistakes cost.

A document is refused at load wherever it could be looser than it looks: an unknown key, a default below a rule, a
sensitive class that requires nothing, a higher class with a lower prior, value, floor or gate.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field, ValidationError

from broker.domain.check import Action
from broker.domain.decision import ActionClass, ClassName, Outcome, OutcomeName
from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.condition import Condition, Truth
from broker.policy.rules import GATE_FLOORS, MAX_AGES_S, MISSING_FLOORS, ClassRules, Costs, GateCode, StepUpMethod
from broker.policy.scenarios import STATES
from broker.policy.sketch import Example, ExampleFile
from broker.policy.telling import WINDOWS_S, Windows
from broker.policy.yaml_text import Path, Written, YamlText, misconfigured

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Cost = Annotated[float, Field(ge=0.0, le=1000.0)]

_DEFAULT_COSTS = Costs()


def _weighed(name: SignalName) -> SignalName:
    """Defensive: what no evidence table can weigh must not count as evidence, nor satisfy a requirement."""
    if name not in STATES:
        raise ValueError(f"{name.value} cannot be weighed yet; use one of {', '.join(STATES)}")
    return name


Weighed = Annotated[SignalName, AfterValidator(_weighed)]


class RuleFile(Written):
    """``when`` is CEL over ``action``; the first rule that holds gives the class."""

    when: str
    gives: ClassName = Field(alias="class")


class ActionFile(Written):
    """One action type."""

    rules: list[RuleFile] = Field(default=[], max_length=50)
    default: ClassName


class CostsFile(Written):
    """:class:`~broker.policy.rules.Costs`, as written."""

    step_up: Cost = _DEFAULT_COSTS.step_up
    step_up_stops: Share = _DEFAULT_COSTS.step_up_stops
    weak_step_up_stops: Share = _DEFAULT_COSTS.weak_step_up_stops
    step_up_friction: Cost = _DEFAULT_COSTS.step_up_friction
    review: Cost = _DEFAULT_COSTS.review
    review_stops: Share = _DEFAULT_COSTS.review_stops
    review_friction: Cost = _DEFAULT_COSTS.review_friction
    insult: Cost = _DEFAULT_COSTS.insult


class ClassFile(Written):
    """One action class: ``required`` is a list of any-of lists, ``windows_s`` how far back a required answer looks."""

    prior: Annotated[float, Field(gt=0.0, lt=1.0)]
    value_at_risk: Annotated[float, Field(gt=0.0, le=1e6)]
    wanted: list[Weighed] = Field(min_length=1)
    required: list[Annotated[list[Weighed], Field(min_length=1)]] = Field(default=[])
    windows_s: dict[Weighed, Annotated[float, Field(ge=0.0, le=86_400.0 * 365)]] = Field(default={})
    floor: OutcomeName | None = None
    max_age_s: Annotated[float, Field(ge=0.0, le=86_400.0)] | None = None
    deadline_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None


class PolicyFile(Written):
    """The whole file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    version: Annotated[int, Field(ge=1)]
    purposes: list[str] | None = None
    actions: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,127}$")], ActionFile] = Field(
        min_length=1, max_length=200
    )
    classes: dict[ClassName, ClassFile] = Field(min_length=1)
    costs: CostsFile = CostsFile()
    gates: dict[GateCode, dict[ClassName, OutcomeName]] = Field(default={})
    step_up_methods: list[StepUpMethod] = Field(min_length=1)
    examples: list[ExampleFile] = Field(min_length=1, max_length=50)


class ActionRules(msgspec.Struct, frozen=True):
    """How one action type is classed."""

    rules: tuple[tuple[Condition, ActionClass], ...]
    default: ActionClass

    def classify(self, action: Action) -> ActionClass:
        """The class of the first rule that holds, else the default, which is the strictest of them.

        Defensive: a rule that cannot be evaluated (an absent member, another type) counts as holding where it is
        stricter than the result and as not holding where it is not, so leaving something out never lowers the class
        unless the policy itself says so with ``has()``.
        """
        unsure = ActionClass.LOW
        for condition, action_class in self.rules:
            truth = condition.holds(action)
            if truth is Truth.TRUE:
                return max(action_class, unsure)
            if truth is Truth.UNKNOWN:
                unsure = max(action_class, unsure)
        return self.default


class PolicyDocument(msgspec.Struct, frozen=True):
    """One document, validated and compiled. ``purposes`` is ``None`` where any purpose of the deployment will do."""

    id: str
    version: int
    file: str
    purposes: frozenset[str] | None
    actions: dict[str, ActionRules]
    classes: dict[ActionClass, ClassRules]
    methods: tuple[StepUpMethod, ...]
    examples: tuple[Example, ...]

    @classmethod
    def read(cls, text: str, *, source: str) -> "PolicyDocument":
        """Read the text of a YAML file; ``source`` is its name, for messages.

        Its worked examples are checked by :class:`~broker.policy.book.PolicyBook`, for they need the evidence table.

        Raises:
            Misconfigured: with file, line and key of what is wrong.
        """
        yaml = YamlText(text, source)
        try:
            file = PolicyFile.model_validate(yaml.value)
        except ValidationError as error:
            raise misconfigured(yaml, error) from None
        for path, fault in _faults(file):
            raise Misconfigured(f"{yaml.where(path)}: {fault}")
        return _compile(file, yaml)

    def rules(self, action_class: ActionClass) -> ClassRules:
        """The rules of a class that one of this document's actions can have."""
        return self.classes[action_class]

    def permits_purpose(self, purpose: str) -> bool:
        """Whether this policy may be applied under that purpose."""
        return self.purposes is None or purpose in self.purposes


def _compile(file: PolicyFile, yaml: YamlText) -> PolicyDocument:
    return PolicyDocument(
        id=file.id,
        version=file.version,
        file=yaml.file,
        purposes=None if file.purposes is None else frozenset(file.purposes),
        actions={name: _actions(entry, yaml, name) for name, entry in file.actions.items()},
        classes={action_class: _class_rules(file, action_class) for action_class in _defined(file)},
        methods=tuple(file.step_up_methods),
        examples=tuple(_example(one, yaml, index) for index, one in enumerate(file.examples)),
    )


def _actions(entry: ActionFile, yaml: YamlText, name: str) -> ActionRules:
    compiled: list[tuple[Condition, ActionClass]] = []
    for index, rule in enumerate(entry.rules):
        try:
            compiled.append((Condition(rule.when), _class(rule.gives)))
        except ValueError as error:
            raise Misconfigured(f"{yaml.where(('actions', name, 'rules', index, 'when'))}: {error}") from error
    return ActionRules(tuple(compiled), _class(entry.default))


def _example(entry: ExampleFile, yaml: YamlText, index: int) -> Example:
    try:
        return entry.compiled()
    except ValueError as error:
        raise Misconfigured(f"{yaml.where(('examples', index))}: {error}") from error


def _class_rules(file: PolicyFile, action_class: ActionClass) -> ClassRules:
    entry = file.classes[action_class.wire]
    below = [one for one in _defined(file) if one <= action_class]
    required = [tuple(sorted(set(group))) for one in below for group in file.classes[one.wire].required]
    return ClassRules(
        action_class=action_class,
        prior=entry.prior,
        value_at_risk=entry.value_at_risk,
        costs=Costs(**file.costs.model_dump()),
        max_age_s=_max_age_s(file, action_class),
        deadline_ms=entry.deadline_ms,
        wanted=tuple(sorted({*entry.wanted, *(name for group in required for name in group)})),
        required=tuple(sorted(set(required))),
        windows_s=_windows_s(file, action_class),
        missing_floor=_floor(file, action_class),
        gate_floors={code: _gate_floor(file, code, action_class) for code in GateCode},
    )


def _faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
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


def _order_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    """A more sensitive class must not be looser in any number."""
    classes = _defined(file)
    for lower, higher in pairwise(classes):
        left, right, path = file.classes[lower.wire], file.classes[higher.wire], ("classes", higher.wire)
        for key, looser in (
            ("prior", right.prior < left.prior),
            ("value_at_risk", right.value_at_risk < left.value_at_risk),
            ("max_age_s", _max_age_s(file, higher) > _max_age_s(file, lower)),
            ("floor", _floor(file, higher) < _floor(file, lower)),
        ):
            if looser:
                yield (*path, key), f"is looser than that of {lower.wire}"


def _gate_faults(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for code, floors in file.gates.items():
        for name, outcome in floors.items():
            least = _gate_floor(file, code, _class(name))
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


def _gate_floor(file: PolicyFile, code: GateCode, action_class: ActionClass) -> Outcome:
    """The strictest of the built-in and written floors of this class and those below."""
    written = file.gates.get(code, {})
    floors = [Outcome.ALLOW]
    for one in ActionClass:
        if one <= action_class:
            floors += [GATE_FLOORS[code].get(one, Outcome.ALLOW), Outcome[written.get(one.wire, "allow").upper()]]
    return max(floors)


def _floor(file: PolicyFile, action_class: ActionClass) -> Outcome:
    written = file.classes[action_class.wire].floor
    return MISSING_FLOORS[action_class] if written is None else Outcome[written.upper()]


def _max_age_s(file: PolicyFile, action_class: ActionClass) -> float:
    written = file.classes[action_class.wire].max_age_s
    return MAX_AGES_S[action_class] if written is None else written


def _windows_s(file: PolicyFile, action_class: ActionClass) -> Windows:
    """The longest of the built-in and written windows of this class and those below."""
    windows: dict[SignalName, float] = dict(WINDOWS_S[action_class])
    for one in _defined(file):
        if one <= action_class:
            for name, window_s in file.classes[one.wire].windows_s.items():
                windows[name] = max(windows.get(name, 0.0), window_s)
    return windows


def _defined(file: PolicyFile) -> list[ActionClass]:
    return [one for one in ActionClass if one.wire in file.classes]


def _class(name: ClassName) -> ActionClass:
    return ActionClass[name.upper()]

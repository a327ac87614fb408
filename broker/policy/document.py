"""Policy documents: how sensitive each action is, what must be known for it, and what mistakes cost.

A document is refused at load wherever it could be looser than it looks: an unknown key, a default below a rule, a
sensitive class that requires nothing, a higher class with a lower prior, value, floor or gate.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from broker.domain.check import Action
from broker.domain.decision import ActionClass
from broker.domain.signal import SignalName
from broker.policy.condition import Condition, Truth
from broker.policy.document_faults import (
    defined,
    failed_floor,
    faults_of,
    gate_floor,
    max_age_s,
    missing_floor,
    windows_s,
)
from broker.policy.rules import ClassRules, Costs, GateCode, StepUpMethod
from broker.policy.sketch import Example
from broker.policy.written import ActionFile, PolicyFile, SignalFile
from broker.policy.yaml_text import Path, YamlText, misconfigured, refused


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


class SignalLimit(msgspec.Struct, frozen=True):
    """Where and on what ground a signal may be asked; ``None`` is anywhere, and any ground of the deployment."""

    countries: frozenset[str] | None
    legal_bases: frozenset[str] | None

    def bars(self, country: str | None, basis: str | None) -> str | None:
        """Why the signal may not be asked, as a code: ``COUNTRY`` or ``LEGAL_BASIS``; ``None`` where it may."""
        if self.countries is not None and country not in self.countries:
            return "COUNTRY"
        return "LEGAL_BASIS" if self.legal_bases is not None and basis not in self.legal_bases else None


class PolicyDocument(msgspec.Struct, frozen=True):
    """One document, validated and compiled. ``purposes`` is ``None`` where any purpose of the deployment will do.

    ``digest`` is the SHA-256 of its text in hex. ``evidence`` is what it puts in place of entries of the deployment's
    scenario table, as it was written; see :mod:`broker.policy.beliefs`.
    """

    id: str
    version: int
    file: str
    purposes: frozenset[str] | None
    limits: dict[SignalName, SignalLimit]
    actions: dict[str, ActionRules]
    classes: dict[ActionClass, ClassRules]
    methods: tuple[StepUpMethod, ...]
    examples: tuple[Example, ...]
    digest: str
    evidence: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, text: str, *, source: str, purposes: frozenset[str] | None = None) -> "PolicyDocument":
        """Read the text of a YAML file; ``source`` is its name, for messages.

        With ``purposes``, those of the deployment, a document that names another is refused.

        Its worked examples are checked by :class:`~broker.policy.book.PolicyBook`, for they need the evidence table.

        Raises:
            Misconfigured: with file, line and key of everything that is wrong.
        """
        yaml = YamlText(text, source)
        try:
            file = PolicyFile.model_validate(yaml.value)
        except ValidationError as error:
            raise misconfigured(yaml, error) from None
        if faults := [*faults_of(file, purposes), *_uncompilable(file)]:
            raise refused(yaml, faults)
        return _compile(file, yaml, hashlib.sha256(text.encode("utf-8")).hexdigest())

    def rules(self, action_class: ActionClass) -> ClassRules:
        """The rules of a class that one of this document's actions can have."""
        return self.classes[action_class]

    def permits_purpose(self, purpose: str) -> bool:
        """Whether this policy may be applied under that purpose."""
        return self.purposes is None or purpose in self.purposes


def _compile(file: PolicyFile, yaml: YamlText, digest: str) -> PolicyDocument:
    return PolicyDocument(
        id=file.id,
        version=file.version,
        file=yaml.file,
        purposes=None if file.purposes is None else frozenset(file.purposes),
        limits={name: _limit(entry) for name, entry in file.signals.items()},
        actions={name: _actions(entry) for name, entry in file.actions.items()},
        classes={action_class: _class_rules(file, action_class) for action_class in defined(file)},
        methods=tuple(file.step_up_methods),
        examples=tuple(one.compiled(yaml.line_of(("examples", index))) for index, one in enumerate(file.examples)),
        digest=digest,
        evidence=file.evidence,
    )


def _uncompilable(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    """Conditions and examples that mean nothing."""
    for name, entry in file.actions.items():
        for index, rule in enumerate(entry.rules):
            try:
                Condition(rule.when)
            except ValueError as error:
                yield ("actions", name, "rules", index, "when"), str(error)
    for index, example in enumerate(file.examples):
        try:
            example.compiled(0)
        except ValueError as error:
            yield ("examples", index), str(error)


def _actions(entry: ActionFile) -> ActionRules:
    rules = tuple((Condition(rule.when), ActionClass[rule.gives.upper()]) for rule in entry.rules)
    return ActionRules(rules, ActionClass[entry.default.upper()])


def _limit(entry: SignalFile) -> SignalLimit:
    return SignalLimit(
        None if entry.countries is None else frozenset(entry.countries),
        None if entry.legal_bases is None else frozenset(entry.legal_bases),
    )


def _class_rules(file: PolicyFile, action_class: ActionClass) -> ClassRules:
    entry = file.classes[action_class.wire]
    below = [one for one in defined(file) if one <= action_class]
    required = [tuple(sorted(set(group))) for one in below for group in file.classes[one.wire].required]
    return ClassRules(
        action_class=action_class,
        prior=entry.prior,
        value_at_risk=entry.value_at_risk,
        costs=Costs(**file.costs.model_dump()),
        max_age_s=max_age_s(file, action_class),
        deadline_ms=entry.deadline_ms,
        wanted=tuple(sorted({*entry.wanted, *(name for group in required for name in group)})),
        required=tuple(sorted(set(required))),
        windows_s=windows_s(file, action_class),
        missing_floor=missing_floor(file, action_class),
        failed_floor=failed_floor(file, action_class),
        gate_floors={code: gate_floor(file, code, action_class) for code in GateCode},
    )

"""A policy document as people write it: the shape of the YAML, before it is compiled."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from broker.domain.decision import ClassName, OutcomeName
from broker.domain.signal import SignalName
from broker.policy.rules import Costs, GateCode, StepUpMethod
from broker.policy.scenarios import STATES
from broker.policy.sketch import ExampleFile
from broker.policy.yaml_text import Written

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Cost = Annotated[float, Field(ge=0.0, le=1000.0)]

LegalBasisName = Literal["consent", "contract", "legitimate_interest"]

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
    """One action class: ``required`` is a list of any-of lists, ``windows_s`` how far back a required answer looks.

    ``floor`` is the least outcome where a required group has no answer, ``fail_mode`` the least where an operator's
    failure is why; without it that is the floor, too.
    """

    prior: Annotated[float, Field(gt=0.0, lt=1.0)]
    value_at_risk: Annotated[float, Field(gt=0.0, le=1e6)]
    wanted: list[Weighed] = Field(min_length=1)
    required: list[Annotated[list[Weighed], Field(min_length=1)]] = Field(default=[])
    windows_s: dict[Weighed, Annotated[float, Field(ge=0.0, le=86_400.0 * 365)]] = Field(default={})
    floor: OutcomeName | None = None
    fail_mode: OutcomeName | None = None
    max_age_s: Annotated[float, Field(ge=0.0, le=86_400.0)] | None = None
    deadline_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None


class SignalFile(Written):
    """Where and on what ground a signal may be asked, within what the deployment's purposes permit.

    ``countries`` are ISO 3166 codes of the number's country, ``legal_bases`` as in ``purposes.toml``; left out, any.
    """

    countries: Annotated[list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]], Field(min_length=1)] | None = None
    legal_bases: Annotated[list[LegalBasisName], Field(min_length=1)] | None = None


class PolicyFile(Written):
    """The whole file. ``evidence`` is read with the deployment's table (:mod:`broker.policy.beliefs`)."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    version: Annotated[int, Field(ge=1)]
    purposes: Annotated[list[str], Field(min_length=1)] | None = None
    evidence: dict[str, Any] | None = None
    signals: dict[Weighed, SignalFile] = Field(default={})
    actions: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,127}$")], ActionFile] = Field(
        min_length=1, max_length=200
    )
    classes: dict[ClassName, ClassFile] = Field(min_length=1)
    costs: CostsFile = CostsFile()
    gates: dict[GateCode, dict[ClassName, OutcomeName]] = Field(default={})
    step_up_methods: list[StepUpMethod] = Field(min_length=1)
    examples: list[ExampleFile] = Field(min_length=1, max_length=50)

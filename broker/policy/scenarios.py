"""The scenario table as people write it: what legitimate life and each attack do to each signal.

Every number stands in an entry with a ``source``: a key of ``sources``, or the word ``assumption``. Probabilities are
fractions of one. A signal shows, in a scenario, a mixture of named *profiles* (each a distribution over its states);
signals are independent within a scenario, and everything that ties them together is the scenario itself.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from broker.domain.decision import ActionClass, ClassName
from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.yaml_text import Path, Written, YamlText, place

AGE_STATES = ("24h", "3d", "7d", "14d", "30d", "older")
"""How long ago something changed, youngest and worst first: each up to its name, the last beyond 30 days."""

TENURE_STATES = ("young", "settled", "long")
"""How long one person has held the line: under 30 days, under two years, longer."""

BEFORE_BINDING = "before_binding"
"""The state of a SIM or handset whose last change lies before the person was linked to the number."""

STATES: Mapping[SignalName, tuple[str, ...]] = {
    SignalName.SIM_SWAP: AGE_STATES,
    SignalName.DEVICE_SWAP: AGE_STATES,
    SignalName.NUMBER_VERIFICATION: ("mismatch", "match"),
    SignalName.LOCATION: ("outside", "partial", "inside"),
    SignalName.CALL_FORWARDING: ("active", "inactive"),
    SignalName.NUMBER_RECYCLING: ("recycled", "same"),
    SignalName.KYC_TENURE: TENURE_STATES,
    SignalName.KYC_MATCH: ("low", "mid", "high"),
}
"""The states of each signal, worst first."""

ASSUMPTION = "assumption"
NUMBER_GROUP = "number"
"""The group of "nobody has this number", which belongs to no signal of its own."""

_SUM_TOLERANCE = 1e-5

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Percent = Annotated[int, Field(ge=1, le=100)]
Order = Literal["isotonic", "refuse"]


class Profile(Written):
    """A distribution over the states of one signal; a state left out has probability 0."""

    states: dict[str, Probability]
    source: str


class Mix(Written):
    """What a signal shows in a scenario: profiles and their shares."""

    mix: dict[str, Probability]
    source: str


class SignalEntry(Written):
    """A signal's group, what to do when its derived weights are out of order, and its profiles."""

    group: str
    order: Order
    profiles: dict[str, Profile]


class Scenario(Written):
    """One way of living or of attacking: its share of its side, and the signals that it changes."""

    share: Probability
    source: str
    signals: dict[SignalName, Mix] = Field(default={})


class Scenarios(Written):
    """Both sides; the shares of each add up to one."""

    legitimate: dict[str, Scenario] = Field(min_length=1)
    attack: dict[str, Scenario] = Field(min_length=1)


class Caps(Written):
    """How far evidence can move the log-odds, in nats; ``low`` ends are given as positive numbers."""

    signal_low: Positive
    signal_high: Positive
    pair_high: Positive
    total_low: Positive
    total_high: Positive
    source: str


class Group(Written):
    """Signals that repeat one another: the strongest counts fully, each further one ``discount`` times the last."""

    discount: Probability
    source: str


class Missing(Written):
    """What an absent answer weighs, in nats, never negative."""

    weight: Annotated[float, Field(ge=0.0, le=5.5)]
    source: str


class MissingStates(Written):
    """The two kinds of absence that say something; every other kind weighs nothing."""

    unknown_subscriber: Missing
    unlocatable: Missing


class Freshness(Written):
    """How fast clean answers age, in seconds, and when a located fix stops counting as inside."""

    tau_s: dict[ClassName, Positive]
    fix_fresh_s: Positive
    fix_stale_s: Positive
    source: str


class IdentitySteps(Written):
    """Where the likeness of what a person claims, in percent, begins to be middling and high."""

    mid_from: Percent
    high_from: Percent
    source: str


class ConfidenceSteps(Written):
    """The lower ends of medium and high confidence."""

    medium_from: Probability
    high_from: Probability
    source: str


class ClassMap(NamedTuple):
    """One class's ``log_odds = intercept + slope * (prior + evidence)``, and whether outcomes are behind it."""

    intercept: float
    slope: float
    calibrated: bool


class Calibration(Written):
    """``log_odds = intercept + slope * (prior + evidence)``; 0 and 1 until a tenant has labels.

    With ``intercepts``, each class named there has its own beside the common slope, as :mod:`broker.policy.calibrate`
    finds them. A class left out had too few frauds: it goes by the nearest class below that has one, else above, as two
    slopes would turn the order of classes round; and it stays uncalibrated.
    """

    calibrated: bool
    intercept: float
    slope: Positive
    intercepts: dict[ClassName, float] = Field(default={})
    source: str

    def of(self, action_class: ActionClass) -> ClassMap:
        """The map of one class."""
        if not self.intercepts:
            return ClassMap(self.intercept, self.slope, self.calibrated)
        below = [one for one in ActionClass if one <= action_class and one.wire in self.intercepts]
        found = below[-1] if below else next(one for one in ActionClass if one.wire in self.intercepts)
        own = self.calibrated and found is action_class
        return ClassMap(self.intercepts[found.wire], self.slope, own)


class TableFile(Written):
    """The whole file."""

    id: str
    version: Annotated[int, Field(ge=1)]
    sources: dict[str, str]
    calibration: Calibration
    caps: Caps
    freshness: Freshness
    confidence: ConfidenceSteps
    identity: IdentitySteps
    missing: MissingStates
    groups: dict[str, Group]
    signals: dict[SignalName, SignalEntry]
    pair_order: Order
    background: dict[SignalName, Mix]
    scenarios: Scenarios


def check(file: TableFile, source: str | YamlText) -> None:
    """The rules that span several keys.

    Raises:
        Misconfigured: with the place of the first fault.
    """
    for path, fault in _faults(file):
        raise Misconfigured(f"{place(source, path)}: {fault}")


def _faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    yield from _source_faults(file)
    yield from _signal_faults(file)
    yield from _mix_faults(file)
    yield from _freshness_faults(file)
    if file.confidence.medium_from > file.confidence.high_from:
        yield ("confidence", "medium_from"), "must not be above high_from"
    if file.identity.mid_from > file.identity.high_from:
        yield ("identity", "mid_from"), "must not be above high_from"


def _source_faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    if ASSUMPTION in file.sources:
        yield ("sources", ASSUMPTION), "is a reserved word"
    for path, written in _walk(file, ()):
        named = getattr(written, "source", None)
        if named is not None and named != ASSUMPTION and named not in file.sources:
            yield (*path, "source"), f"{named!r} is neither a key of `sources` nor the word {ASSUMPTION!r}"


def _walk(value: object, path: Path) -> Iterator[tuple[Path, Written]]:
    if isinstance(value, Written):
        yield path, value
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))


def _signal_faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    if NUMBER_GROUP not in file.groups:
        yield ("groups",), f"{NUMBER_GROUP} is missing"
    yield from _name_faults(file)
    for name, entry in file.signals.items():
        if name not in STATES:
            continue
        if entry.group not in file.groups:
            yield ("signals", name.value, "group"), f"{entry.group!r} is not a key of `groups`"
        for label, profile in entry.profiles.items():
            path = ("signals", name.value, "profiles", label, "states")
            for state in profile.states:
                if state not in STATES[name]:
                    yield (*path, state), f"unknown state; {name.value} has {', '.join(STATES[name])}"
            yield from _sum_faults(path, profile.states)


def _name_faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    for name in STATES:
        if name not in file.signals:
            yield ("signals",), f"{name.value} is missing"
        if name not in file.background:
            yield ("background",), f"{name.value} is missing"
    for name in file.signals.keys() - STATES.keys():
        yield ("signals", name.value), "this signal has no states to weigh yet; leave it out"


def _mix_faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    for name, mix in file.background.items():
        yield from _one_mix(file, name, mix, ("background", name.value, "mix"))
    for side in ("legitimate", "attack"):
        scenarios: dict[str, Scenario] = getattr(file.scenarios, side)
        yield from _sum_faults(("scenarios", side), {label: one.share for label, one in scenarios.items()})
        for label, scenario in scenarios.items():
            for name, mix in scenario.signals.items():
                yield from _one_mix(file, name, mix, ("scenarios", side, label, "signals", name.value, "mix"))


def _one_mix(file: TableFile, name: SignalName, mix: Mix, path: Path) -> Iterator[tuple[Path, str]]:
    profiles = file.signals[name].profiles if name in file.signals else {}
    for label in mix.mix:
        if label not in profiles:
            yield (*path, label), f"{name.value} has no profile of that name"
    yield from _sum_faults(path, mix.mix)


def _sum_faults(path: Path, shares: Mapping[str, float]) -> Iterator[tuple[Path, str]]:
    total = sum(shares.values())
    if abs(total - 1.0) > _SUM_TOLERANCE:
        yield path, f"adds up to {total:.6g}, not to 1"


def _freshness_faults(file: TableFile) -> Iterator[tuple[Path, str]]:
    taus = [file.freshness.tau_s[one.wire] for one in ActionClass if one.wire in file.freshness.tau_s]
    if len(taus) < len(ActionClass):
        yield ("freshness", "tau_s"), "needs low, medium, high and critical"
    elif taus != sorted(taus, reverse=True):
        yield ("freshness", "tau_s"), "a more sensitive class must not let answers live longer"
    if file.freshness.fix_fresh_s >= file.freshness.fix_stale_s:
        yield ("freshness", "fix_fresh_s"), "must be below fix_stale_s"

"""What came out: assessment (what the evidence weighs) and decision (what to do about it)."""

from enum import IntEnum, StrEnum
from typing import Literal

import msgspec

from broker.domain.signal import SignalName


class Outcome(IntEnum):
    """What to do, in order of strictness, so that ``max`` is "the stricter of".

    On the wire: ``allow``, ``step_up``, ``review``, ``deny`` (:attr:`wire`).
    """

    ALLOW = 0
    STEP_UP = 1
    REVIEW = 2
    DENY = 3

    @property
    def wire(self) -> "OutcomeName":
        """The name on the wire."""
        return _OUTCOMES[self]


class ActionClass(IntEnum):
    """How sensitive an action is, in order."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3

    @property
    def wire(self) -> "ClassName":
        """The name in policies and on the wire."""
        return _CLASSES[self]


OutcomeName = Literal["allow", "step_up", "review", "deny"]
ClassName = Literal["low", "medium", "high", "critical"]
_OUTCOMES: tuple[OutcomeName, ...] = ("allow", "step_up", "review", "deny")
_CLASSES: tuple[ClassName, ...] = ("low", "medium", "high", "critical")


class Verdict(StrEnum):
    """What the evidence says. Not enough of it is ``unknown``, which is never the same as clean."""

    TRUSTED = "trusted"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"


class TrustBand(StrEnum):
    """The trust score for people, in fifths of its range."""

    VERY_LOW = "very_low"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very_high"


class Confidence(StrEnum):
    """How much of what the policy wanted to know is known, and whether it agrees with itself."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Effect(StrEnum):
    """Which way a reason moved the decision."""

    BETTER = "better"
    WORSE = "worse"


class Reason(msgspec.Struct, frozen=True):
    """A code from the closed catalogue in ``policy/reasons.py`` and its direction."""

    code: str
    effect: Effect


class Floor(msgspec.Struct, frozen=True):
    """The least outcome that something outside the evidence asks for, and the code of why."""

    code: str
    outcome: Outcome


class Contribution(msgspec.Struct, frozen=True):
    """What one signal added to the log-odds of fraud, in nats.

    ``weight`` is its own weight from the table; ``nats`` is what was left after grouping, discount and caps. All
    ``nats`` of an assessment add up to its ``evidence`` exactly.
    """

    signal: SignalName
    group: str
    state: str
    weight: float
    nats: float


class Assessment(msgspec.Struct, frozen=True):
    """The weight of the evidence for one action class.

    ``log_odds`` and ``probability`` are of fraud; ``trust_score`` runs the other way, 0 to 1000, higher is more trusted
    (1000 minus the risk points). ``low`` and ``high`` are the probabilities if every missing wanted signal turned out
    clean, or as it is on average under attack. ``coverage`` (0-1) is the share of wanted information that is there.
    """

    prior_log_odds: float
    evidence: float
    log_odds: float
    probability: float
    low: float
    high: float
    trust_score: int
    coverage: float
    conflict: float
    confidence: Confidence
    contributions: tuple[Contribution, ...]


class Counterfactual(msgspec.Struct, frozen=True):
    """The fewest signals whose clean answer would have made the decision ``outcome``, which is looser than it is."""

    signals: tuple[SignalName, ...]
    outcome: Outcome


class Challenger(msgspec.Struct, frozen=True):
    """What another model thinks, for comparison only: its probability of fraud and its likeliest scenarios."""

    probability: float
    scenarios: dict[str, float]


class Decision(msgspec.Struct, frozen=True):
    """What to do, and everything that made it so.

    There is no default for ``outcome``: an allow is always constructed on purpose. ``gates`` are the codes of the gates
    and floors that tightened it; ``methods_withheld`` the step-up methods whose channel the evidence puts in doubt, and
    ``withheld_for`` the reason code of each.
    """

    outcome: Outcome
    verdict: Verdict
    band: TrustBand
    reasons: tuple[Reason, ...]
    gates: tuple[str, ...]
    degraded: bool
    methods_offered: tuple[str, ...]
    methods_withheld: tuple[str, ...]
    expected_costs: dict[str, float]
    withheld_for: dict[str, str] = {}

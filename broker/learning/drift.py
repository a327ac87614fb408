"""Whether a source has changed: other answers than before, fewer, none, or the same one for everybody.

The population stability index (PSI) is ``sum((p - q) * ln(p / q))`` over states; 0.1 is a shift and 0.25 a large one by
the field's custom, which says nothing of how many answers there were: hence the significance as well.
"""

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from broker.domain.signal import SignalName
from broker.learning.sources import SourceKey, SourceTally

PSI_LARGE = 0.25
PSI_SHIFT = 0.1
_ANSWERS_MIN = 50
_ASKED_MIN = 20
_MISSING_RISE = 0.1
_UNBELIEVABLE = 0.001
# 99 % quantiles of chi-square by degrees of freedom, 1 to 8.
_CHI_SQUARE_99 = (6.635, 9.210, 11.345, 13.277, 15.086, 16.812, 18.475, 20.090)
_HALF = 0.5


class DriftKind(StrEnum):
    """What is wrong with a source."""

    SILENT = "silent"
    """It used to answer, and does not any more."""
    MISSING_MORE = "missing_more"
    """Clearly fewer answers than before."""
    SHIFTED = "shifted"
    """Its answers are distributed otherwise than before."""
    SAME_FOR_ALL = "same_for_all"
    """It says the same about everybody, more often than chance lets an honest source do."""


class Drift(msgspec.Struct, frozen=True, rename="camel"):
    """One finding; ``measure`` is the PSI, the rise of the missing share, or the probability of so much sameness."""

    operator: str
    signal: SignalName
    kind: DriftKind
    measure: float


def drifts(
    before: Mapping[SourceKey, SourceTally],
    lately: Mapping[SourceKey, SourceTally],
    usual: Mapping[SignalName, Mapping[str, float]],
) -> list[Drift]:
    """What changed from one period to the next.

    Args:
        before: counts of the reference period.
        lately: counts of the period in question.
        usual: how often each state occurs in legitimate life, by signal.
    """
    found: list[Drift] = []
    for key, recent in sorted(lately.items()):
        earlier = before.get(key, SourceTally())
        for kind, measure in _kinds(earlier, recent, usual.get(key.signal, {})):
            found.append(Drift(key.operator, key.signal, kind, measure))
    return found


def psi(before: Mapping[str, int], lately: Mapping[str, int]) -> float:
    """The index over the states of two counts; half an answer is added to each, so that a new state is no infinity."""
    states = sorted({*before, *lately})
    if not states:
        return 0.0
    p, q = _shares(before, states), _shares(lately, states)
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def _shares(counts: Mapping[str, int], states: list[str]) -> list[float]:
    whole = sum(counts.values()) + _HALF * len(states)
    return [(counts.get(state, 0) + _HALF) / whole for state in states]


def _kinds(earlier: SourceTally, recent: SourceTally, usual: Mapping[str, float]) -> list[tuple[DriftKind, float]]:
    if recent.asked >= _ASKED_MIN and recent.observed == 0 and earlier.observed > 0:
        return [(DriftKind.SILENT, 1.0)]
    found: list[tuple[DriftKind, float]] = []
    rise = _missing_share(recent) - _missing_share(earlier)
    if rise > _MISSING_RISE and _significant_rise(earlier, recent):
        found.append((DriftKind.MISSING_MORE, rise))
    index = psi(earlier.states, recent.states)
    if _shifted(index, earlier.states, recent.states):
        found.append((DriftKind.SHIFTED, index))
    luck = _sameness(recent, usual)
    if luck < _UNBELIEVABLE:
        found.append((DriftKind.SAME_FOR_ALL, luck))
    return found


def _missing_share(counts: SourceTally) -> float:
    return 1.0 - counts.observed / counts.asked if counts.asked else 0.0


def _significant_rise(earlier: SourceTally, recent: SourceTally) -> bool:
    """A two-sample test of proportions at 99 %, one-sided enough for an alarm."""
    if min(earlier.asked, recent.asked) < _ASKED_MIN:
        return False
    pooled = 1.0 - (earlier.observed + recent.observed) / (earlier.asked + recent.asked)
    spread = math.sqrt(pooled * (1.0 - pooled) * (1.0 / earlier.asked + 1.0 / recent.asked))
    return spread > 0.0 and (_missing_share(recent) - _missing_share(earlier)) / spread > math.sqrt(_CHI_SQUARE_99[0])


def _shifted(index: float, before: Mapping[str, int], lately: Mapping[str, int]) -> bool:
    n, m = sum(before.values()), sum(lately.values())
    if min(n, m) < _ANSWERS_MIN or index <= PSI_SHIFT:
        return False
    freedom = len({*before, *lately}) - 1
    # Under "nothing has changed" the index times this factor is chi-square distributed, nearly.
    significant = index / (1.0 / n + 1.0 / m) > _CHI_SQUARE_99[min(max(freedom, 1), len(_CHI_SQUARE_99)) - 1]
    return significant or index > PSI_LARGE


def _sameness(counts: SourceTally, usual: Mapping[str, float]) -> float:
    """The probability that an honest source would say one thing about so many people and nothing else.

    People and not answers are counted: asking about one person a thousand times proves nothing.
    """
    said = [state for state, count in counts.states.items() if count]
    if len(said) != 1 or said[0] not in usual:
        return 1.0
    return math.exp(len(counts.subjects) * math.log(max(usual[said[0]], _UNBELIEVABLE)))

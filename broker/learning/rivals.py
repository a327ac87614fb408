"""Champion and challenger on the same checks: whose probabilities were nearer to what the checks turned out to be."""

import math
from typing import NamedTuple

import msgspec

from broker.domain.outcome import TurnedOut
from broker.learning.lesson import Lesson

POSITIVES_MIN = 200
"""With fewer confirmed frauds nobody is promoted (scoring reference, section 9)."""

_CHECKS_MIN = 30
_Z = 1.959964
_TINY = 1e-12


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Rivals(msgspec.Struct, frozen=True, rename="camel"):
    """Both models over the checks that both judged and whose outcome is known.

    Losses are mean log-losses, lower is better. ``gain`` is the champion's less the challenger's, and ``interval`` that
    of its mean: normal, over the differences of each check, for both judged the same ones; ``None`` below 30 checks.
    ``better`` says who is, once there are :data:`POSITIVES_MIN` frauds and the interval leaves 0 out.
    """

    checks: int
    fraud: int
    champion_loss: float
    challenger_loss: float
    gain: float
    interval: Interval | None
    better: str | None


class RivalTally:
    """Sums, one check after the other; the difference by Welford's method."""

    def __init__(self) -> None:
        self._checks = self._fraud = 0
        self._champion = self._challenger = self._mean = self._squares = 0.0

    def add(self, lesson: Lesson, label: TurnedOut) -> None:
        """Take in a check; one without a known outcome, or of before there was a challenger, counts for nobody."""
        rival = lesson.check.challenger
        if rival is None or label is TurnedOut.UNKNOWN:
            return
        fraud = label is TurnedOut.FRAUD
        ours, theirs = _loss(lesson.check.assessment.probability, fraud=fraud), _loss(rival.probability, fraud=fraud)
        self._checks += 1
        self._fraud += fraud
        self._champion += ours
        self._challenger += theirs
        step = ours - theirs - self._mean
        self._mean += step / self._checks
        self._squares += step * (ours - theirs - self._mean)

    def figures(self) -> Rivals | None:
        """What they come to; ``None`` where nothing can be compared."""
        if not self._checks:
            return None
        interval = self._interval()
        return Rivals(
            checks=self._checks,
            fraud=self._fraud,
            champion_loss=self._champion / self._checks,
            challenger_loss=self._challenger / self._checks,
            gain=self._mean,
            interval=interval,
            better=self._better(interval),
        )

    def _interval(self) -> Interval | None:
        if self._checks < _CHECKS_MIN:
            return None
        half = _Z * math.sqrt(self._squares / (self._checks - 1) / self._checks)
        return Interval(self._mean - half, self._mean + half)

    def _better(self, interval: Interval | None) -> str | None:
        if interval is None or self._fraud < POSITIVES_MIN or interval.low <= 0.0 <= interval.high:
            return None
        return "challenger" if interval.low > 0.0 else "champion"


def _loss(probability: float, *, fraud: bool) -> float:
    return -math.log(max(probability if fraud else 1.0 - probability, _TINY))

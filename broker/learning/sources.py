"""What each signal of each operator is worth: how often it answers, how fast, what it says, and was it right."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from broker import figures
from broker.domain.decision import Contribution
from broker.domain.outcome import TurnedOut
from broker.domain.signal import Observed, Signal, SignalName, Unavailability
from broker.figures import Rate
from broker.learning.lesson import Lesson

_NOT_ASKED = frozenset({Unavailability.SKIPPED, Unavailability.NOT_PERMITTED})
_SAMPLE_MAX = 2_000
_SUBJECTS_MAX = 10_000
_NOBODY = "-"


class SourceKey(msgspec.Struct, frozen=True, order=True):
    """One signal at one operator; ``-`` stands for no operator at all."""

    operator: str
    signal: SignalName


class Sample:
    """Evenly spaced values of a long series, at most ``_SAMPLE_MAX`` of them, so that memory stays bounded."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._stride = 1
        self._seen = 0

    def add(self, value: float) -> None:
        """Take in one more."""
        if self._seen % self._stride == 0:
            self._values.append(value)
        self._seen += 1
        if len(self._values) > _SAMPLE_MAX:
            self._values = self._values[::2]
            self._stride *= 2

    def quantile(self, share: float) -> float | None:
        """The value that ``share`` of the sample does not exceed; ``None`` of nothing."""
        ordered = sorted(self._values)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


class SourceTally:
    """Counts of one source, taken in one check at a time."""

    def __init__(self) -> None:
        self.asked = 0
        self.observed = 0
        self.reused = 0
        self.missing: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.latency_ms = Sample()
        self.adverse: Counter[TurnedOut] = Counter()
        self.known: Counter[TurnedOut] = Counter()
        self.cost: dict[str, Decimal] = {}
        self.subjects: set[str] = set()
        """About whom it answered, as pseudonyms; no more than ``_SUBJECTS_MAX`` of them."""

    def add(self, signal: Signal, part: Contribution | None, label: TurnedOut, subject: str) -> None:
        """Take in what one check heard from this source."""
        if not isinstance(signal, Observed):
            self.asked += signal.reason not in _NOT_ASKED
            self.missing[signal.reason.value] += 1
            return
        self.asked += 1
        self.observed += 1
        if len(self.subjects) < _SUBJECTS_MAX:
            self.subjects.add(subject)
        if signal.source.cached:
            self.reused += 1
        else:
            self.latency_ms.add(signal.latency_ms)
        if part is not None:
            self.states[part.state] += 1
            self.known[label] += 1
            self.adverse[label] += part.nats > 0.0


class SourceFigures(msgspec.Struct, frozen=True, rename="camel"):
    """One source over a period.

    ``coverage`` is the share of questions that got an answer; ``precision`` the share of fraud among adverse answers
    about checks whose outcome is known, and ``recall`` the share of known fraud that it answered adversely. ``cost`` is
    what was paid for its answers, by currency.
    """

    operator: str
    signal: SignalName
    asked: int
    coverage: Rate
    reused: int
    missing: dict[str, int]
    states: dict[str, int]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    cost: dict[str, Decimal]
    precision: Rate
    recall: Rate


def tally(lessons: Iterable[Lesson], now: datetime) -> dict[SourceKey, SourceTally]:
    """Counts of every source that the checks asked or would have asked."""
    tallies: dict[SourceKey, SourceTally] = {}
    for lesson in lessons:
        take_in(tallies, lesson, now)
    return tallies


def take_in(tallies: dict[SourceKey, SourceTally], lesson: Lesson, now: datetime) -> None:
    """Add one check to the counts."""
    label = lesson.label(now)
    parts = {part.signal: part for part in lesson.check.assessment.contributions}
    for signal in lesson.check.evidence.signals:
        operator = signal.source.operator if signal.source else lesson.check.operator or _NOBODY
        key = SourceKey(operator, signal.name)
        counts = tallies.setdefault(key, SourceTally())
        counts.add(signal, parts.get(signal.name), label, lesson.check.subject)
        charge = lesson.check.cost.signals.get(signal.name) if lesson.check.cost else None
        if charge is not None:
            counts.cost[charge.currency] = counts.cost.get(charge.currency, Decimal(0)) + charge.amount


def figures_of(tallies: dict[SourceKey, SourceTally]) -> list[SourceFigures]:
    """The figures of each source, by operator and signal."""
    return [_figures(key, one) for key, one in sorted(tallies.items())]


def _figures(key: SourceKey, counts: SourceTally) -> SourceFigures:
    fraud, genuine = counts.adverse[TurnedOut.FRAUD], counts.adverse[TurnedOut.GENUINE]
    return SourceFigures(
        operator=key.operator,
        signal=key.signal,
        asked=counts.asked,
        coverage=figures.wilson(counts.observed, counts.asked),
        reused=counts.reused,
        missing=dict(sorted(counts.missing.items())),
        states=dict(sorted(counts.states.items())),
        latency_p50_ms=counts.latency_ms.quantile(0.5),
        latency_p95_ms=counts.latency_ms.quantile(0.95),
        cost=dict(sorted(counts.cost.items())),
        precision=figures.wilson(fraud, fraud + genuine),
        recall=figures.wilson(fraud, counts.known[TurnedOut.FRAUD]),
    )

"""Learn from a tenant's recorded checks: what its sources are worth, what changed, and whether probabilities hold."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from broker import figures
from broker.clock import Clock
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.outcome import TurnedOut
from broker.domain.record import Check
from broker.figures import Rate, Row
from broker.learning.drift import Drift, drifts
from broker.learning.lesson import Lesson
from broker.learning.rivals import Rivals, RivalTally
from broker.learning.sources import SourceFigures, SourceKey, SourceTally, figures_of, take_in
from broker.policy.calibrate import Labelled, Platt, fit, written
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import STATES
from broker.storage.records import PastCheck

_ROWS_MAX = 200_000
"""Labelled probabilities kept for calibration; beyond it the newest are left out and the report says so."""


class History(Protocol):
    """Where past checks are kept."""

    def history(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[PastCheck]:
        """A tenant's settled checks in order of time."""
        ...


class ClassFigures(msgspec.Struct, frozen=True, rename="camel"):
    """Calibration of one action class, over checks whose outcome is known or that are ripe.

    ``platt`` is the map that these outcomes suggest; it changes nothing by itself: see :attr:`Lessons.calibration`.
    """

    labelled: int
    fraud: int
    observed_over_expected: Rate
    auc: float
    platt: Platt


class Lessons(msgspec.Struct, frozen=True, rename="camel"):
    """What a period taught. ``median_delay_s`` is from a decision to the finding that it was fraud.

    ``calibration`` is what a policy document needs for the maps to count, where any class had frauds enough.
    ``erased`` checks are there and teach nothing any more; they are not among ``checks``.
    """

    tenant: str
    since: datetime
    until: datetime
    checks: int
    outcomes: dict[str, int]
    median_delay_s: float | None
    sources: list[SourceFigures]
    drift: list[Drift]
    classes: dict[str, ClassFigures]
    truncated: bool
    erased: int = 0
    rivals: Rivals | None = None
    """The scorecard and the mixture model beside it, where outcomes let them be compared."""
    calibration: str | None = None


class Learn:
    """Reads history once, page by page; memory does not grow with it."""

    def __init__(self, store: History, table: EvidenceTable, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._usual = {
            name: dict(zip(STATES[name], weights.legitimate, strict=True)) for name, weights in table.signals.items()
        }

    async def __call__(self, tenant: str, *, days: int, recent_days: int) -> Lessons:
        """What the last ``days`` taught; drift is the last ``recent_days`` of them against the rest.

        Raises:
            ValueError: not ``0 < recent_days < days``.
            Unrecorded, Overloaded: the store cannot be read.
        """
        if not 0 < recent_days < days:
            raise ValueError("the recent days are fewer than all days, and at least one")
        now = self._clock.now()
        pupil = _Pupil(now, now - timedelta(days=recent_days))
        since = now - timedelta(days=days)
        async for past in self._store.history(tenant, _ms(since), _ms(now) + 1):
            if past.record and past.evidence:
                pupil.hear(_lesson(past))
            else:
                pupil.erased += 1
        return Lessons(
            tenant=tenant,
            since=since,
            until=now,
            checks=pupil.checks,
            outcomes=pupil.outcomes,
            median_delay_s=pupil.median_delay_s(),
            sources=figures_of(pupil.whole),
            drift=drifts(pupil.before, pupil.lately, self._usual),
            classes=pupil.classes(),
            truncated=pupil.truncated,
            erased=pupil.erased,
            rivals=pupil.rivals.figures(),
            calibration=written(pupil.maps(), f"outcomes of our own, {since:%Y-%m-%d} to {now:%Y-%m-%d}"),
        )


class _Pupil:
    """Counts, one check after the other."""

    def __init__(self, now: datetime, recent_from: datetime) -> None:
        self._now = now
        self._recent_from = recent_from
        self._rows: dict[ActionClass, list[Row]] = {}
        self._labels: dict[ActionClass, list[Labelled]] = {}
        self._kept = 0
        self._delays_s: list[float] = []
        self.checks = 0
        self.erased = 0
        self.truncated = False
        self.outcomes = {one.value: 0 for one in TurnedOut}
        self.rivals = RivalTally()
        self.whole: dict[SourceKey, SourceTally] = {}
        self.before: dict[SourceKey, SourceTally] = {}
        self.lately: dict[SourceKey, SourceTally] = {}

    def hear(self, lesson: Lesson) -> None:
        self.checks += 1
        recent = lesson.check.settled_at >= self._recent_from
        for tallies in (self.whole, self.lately if recent else self.before):
            take_in(tallies, lesson, self._now)
        label = lesson.label(self._now)
        self.outcomes[label.value] += 1
        self.rivals.add(lesson, label)
        if label is not TurnedOut.UNKNOWN:
            self._keep(lesson, label)

    def _keep(self, lesson: Lesson, label: TurnedOut) -> None:
        if self._kept >= _ROWS_MAX:
            self.truncated = True
            return
        self._kept += 1
        assessment, fraud = lesson.check.assessment, label is TurnedOut.FRAUD
        self._rows.setdefault(lesson.check.action_class, []).append(Row(assessment.probability, fraud, 1.0))
        self._labels.setdefault(lesson.check.action_class, []).append(
            Labelled(assessment.prior_log_odds + assessment.evidence, fraud)
        )
        if label is TurnedOut.FRAUD and lesson.delay is not None:
            self._delays_s.append(lesson.delay.total_seconds())

    def median_delay_s(self) -> float | None:
        ordered = sorted(self._delays_s)
        return ordered[len(ordered) // 2] if ordered else None

    def maps(self) -> dict[ActionClass, Platt]:
        return fit(self._labels)

    def classes(self) -> dict[str, ClassFigures]:
        maps = self.maps()
        return {one.wire: _class_figures(rows, maps[one]) for one, rows in sorted(self._rows.items())}


def _class_figures(rows: list[Row], platt: Platt) -> ClassFigures:
    fraud = sum(row.attack for row in rows)
    return ClassFigures(len(rows), fraud, figures.observed_over_expected(rows), figures.auc(rows), platt)


def _lesson(past: PastCheck) -> Lesson:
    check = msgspec.json.decode(past.record, type=Check)
    evidence = msgspec.json.decode(past.evidence, type=Evidence)
    outcome = None if past.outcome is None else TurnedOut(past.outcome)
    found_at = None if past.found_ms is None else datetime.fromtimestamp(past.found_ms / 1000, UTC)
    return Lesson(msgspec.structs.replace(check, evidence=evidence), outcome, found_at)


def as_json(lessons: Lessons) -> bytes:
    """For machines."""
    return msgspec.json.format(msgspec.json.encode(lessons), indent=2)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)

"""Counts and figures of sources."""

import pytest

from broker.domain.outcome import TurnedOut
from broker.domain.signal import Unavailability
from broker.learning.sources import Sample, figures_of, tally
from tests.unit.learning.lessons import NOW, SIM, lesson, said, silent

FRAUD, GENUINE, UNKNOWN = TurnedOut.FRAUD, TurnedOut.GENUINE, TurnedOut.UNKNOWN


def test_what_a_source_is_worth() -> None:
    lessons = [
        lesson(said("24h", 5.0, latency_ms=30.0), FRAUD),
        lesson(said("24h", 5.0, latency_ms=10.0), GENUINE),
        lesson(said("older", -0.3, latency_ms=20.0), FRAUD),
        lesson(said("older", -0.3, cached=True), None),
        lesson(silent(Unavailability.TIMEOUT)),
        lesson(silent(Unavailability.SKIPPED)),
    ]
    (found,) = figures_of(tally(lessons, NOW))
    assert (found.operator, found.signal) == ("alba", SIM)
    assert (found.asked, found.coverage.value, found.reused) == (5, 0.8, 1)
    assert found.missing == {"timeout": 1, "skipped": 1}
    assert found.states == {"24h": 2, "older": 2}
    assert (found.latency_p50_ms, found.latency_p95_ms) == (20.0, 30.0)
    assert (found.precision.value, found.precision.seen) == (0.5, 2)
    assert (found.recall.value, found.recall.seen) == (0.5, 2)


@pytest.mark.parametrize(
    ("outcome", "days_ago", "label"),
    [(None, 89.0, UNKNOWN), (None, 90.0, GENUINE), (UNKNOWN, 400.0, UNKNOWN), (FRAUD, 1.0, FRAUD)],
)
def test_silence_is_genuine_once_it_is_ripe(outcome: TurnedOut | None, days_ago: float, label: TurnedOut) -> None:
    assert lesson(said("older", 0.0), outcome, days_ago=days_ago).label(NOW) is label


def test_a_finding_from_before_the_decision_has_no_negative_delay() -> None:
    delay = lesson(said("older", 0.0), FRAUD, delay_days=-3.0).delay
    assert delay is not None
    assert delay.total_seconds() == 0.0


def test_a_sample_stays_small_and_knows_its_quantiles() -> None:
    sample = Sample()
    assert sample.quantile(0.5) is None
    for value in range(100_000):
        sample.add(float(value))
    assert len(sample._values) <= 2_000
    for share in (0.0, 0.5, 0.95):
        assert sample.quantile(share) == pytest.approx(share * 100_000, abs=200)

"""How long one person has held a line: the formula of what an answer leaves open, and the days of a change."""

import math
import time
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest

from broker.domain.signal import AgeRange, Flag, Observed, SignalName, Tenure
from broker.policy.derive import SignalWeights
from broker.policy.scenarios import TENURE_STATES
from broker.policy.tenure import covered_s, latest_day, read, state_at
from tests.unit.policy.kit import DAY, HOUR, observed

SIM = SignalName.SIM_SWAP
EDGES_S = (HOUR, 30 * DAY, 730 * DAY, 36_500 * DAY)
YOUNG, MIDDLING, OLD = TENURE_STATES
WEIGHTS = SignalWeights("line", (1.0, 0.25, -0.5), (0.2, 0.3, 0.5), (0.5, 0.3, 0.2), 0.1, 0.2)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)


def told(days: float, *, continuous: bool, strict: bool = False, weights: SignalWeights = WEIGHTS) -> tuple[str, float]:
    value = Tenure((MIDNIGHT - timedelta(days=days)).date(), continuous)
    return read(value, MIDNIGHT, weights, strict=strict)


def mean(*parts: tuple[float, float]) -> float:
    """The log of the mean likelihood ratio of parts, each its mass and its weight."""
    return math.log(sum(mass * math.exp(weight) for mass, weight in parts) / sum(mass for mass, _ in parts))


def share(from_s: float, to_s: float, of: int) -> float:
    """The part of a state, in log-time, that lies between two ages."""
    return math.log(to_s / from_s) / math.log(EDGES_S[of + 1] / EDGES_S[of])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, (YOUNG, 1.0)),
        (10, (YOUNG, 1.0)),
        (30, (MIDDLING, 1.0)),
        (100, (MIDDLING, mean((0.2, 1.0), (0.3 * share(30 * DAY, 100 * DAY, 1), 0.25)))),
        (1000, (OLD, mean((0.2, 1.0), (0.3, 0.25), (0.5 * share(730 * DAY, 1000 * DAY, 2), -0.5)))),
    ],
)
def test_a_broken_tenure_leaves_open_whatever_is_shorter(days: float, expected: tuple[str, float]) -> None:
    state, weight = told(days, continuous=False)
    assert state == expected[0]
    assert weight == pytest.approx(expected[1])


def test_where_it_matters_the_youngest_line_is_supposed() -> None:
    assert told(1000, continuous=False, strict=True) == (YOUNG, 1.0)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (1000, (OLD, -0.5)),
        (100, (MIDDLING, min(0.0, mean((0.3 * share(100 * DAY, 730 * DAY, 1), 0.25), (0.5, -0.5))))),
        (0, (YOUNG, min(0.0, mean((0.2, 1.0), (0.3, 0.25), (0.5, -0.5))))),
        (50_000, (OLD, -0.5)),
    ],
)
def test_a_tenure_without_a_break_leaves_open_whatever_is_longer(days: float, expected: tuple[str, float]) -> None:
    state, weight = told(days, continuous=True)
    assert state == expected[0]
    assert weight == pytest.approx(expected[1])
    assert told(days, continuous=True, strict=True) == (state, weight)


def test_a_confirmation_speaks_against_nobody() -> None:
    bad = msgspec.structs.replace(WEIGHTS, weights=(3.0, 2.0, 1.0))
    assert told(100, continuous=True, weights=bad)[1] == 0.0


@pytest.mark.parametrize(("days", "weight"), [(10, 1.0), (30, 1.0), (31, -0.5), (1000, -0.5)])
def test_where_nobody_honest_lies_the_nearest_end_counts(days: float, weight: float) -> None:
    nobody = msgspec.structs.replace(WEIGHTS, legitimate=(0.0, 0.0, 0.0))
    assert told(days, continuous=False, weights=nobody)[1] == weight


@pytest.mark.parametrize(
    ("age_s", "state"),
    [(0.0, 0), (30 * DAY - 1, 0), (30 * DAY, 1), (730 * DAY - 1, 1), (730 * DAY, 2), (50_000 * DAY, 2)],
)
def test_the_states_begin_at_a_month_and_at_two_years(age_s: float, state: int) -> None:
    assert state_at(age_s) == state


def test_a_day_covers_its_seconds_and_a_day_to_come_none() -> None:
    assert covered_s(Tenure(MIDNIGHT.date(), continuous=True), NOON) == 12 * HOUR
    assert covered_s(Tenure(MIDNIGHT.date() + timedelta(days=1), continuous=True), NOON) == 0.0


@pytest.mark.parametrize(
    ("value", "at", "day"),
    [
        (AgeRange(0.0, None), MIDNIGHT, date(2026, 6, 1)),
        (AgeRange(1.0, None), MIDNIGHT, date(2026, 5, 31)),
        (AgeRange(100 * DAY, None), MIDNIGHT, date(2026, 2, 21)),
        (AgeRange(1000 * DAY, None), MIDNIGHT, date(2023, 9, 5)),
        (AgeRange(0.0, None), datetime(2026, 6, 1, 23, 30, tzinfo=timezone(-timedelta(hours=5))), date(2026, 6, 2)),
        (Flag(active=False), MIDNIGHT, date(2026, 6, 1)),
    ],
)
def test_the_last_day_on_which_a_change_may_have_been(value: AgeRange | Flag, at: datetime, day: date) -> None:
    assert latest_day(_changed(value, at)) == day


def test_that_day_is_the_same_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 6, 1, 23, 30, tzinfo=timezone(-timedelta(hours=5)))
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    time.tzset()
    try:
        assert latest_day(_changed(AgeRange(0.0, None), at)) == date(2026, 6, 2)
    finally:
        monkeypatch.undo()
        time.tzset()


def _changed(value: AgeRange | Flag, at: datetime) -> Observed:
    return msgspec.structs.replace(observed(SIM, value), observed_at=at)

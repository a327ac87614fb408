"""Telling a new line, a port-in and a number passed on from a swap: each reading, and each doubt that forbids it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    Flag,
    Observed,
    Signal,
    SignalName,
    Source,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.domain.sim_story import SimStory, sim_story

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR_S, DAY_S = 3_600.0, 86_400.0
BOUND = date(2024, 5, 1)
S, N = SimStory, SignalName


def seen(name: SignalName, value: Value | None) -> Signal:
    if value is None:
        return Unavailable(name, Unavailability.TIMEOUT)
    return Observed(name, value, NOON, Source("alba", "an-api", "1.0.0"))


def told(sim: AgeRange | None, tenure: Tenure | None, recycled: bool | None) -> SimStory:
    flag = None if recycled is None else Flag(recycled)
    values: dict[SignalName, Any] = {N.SIM_SWAP: sim, N.KYC_TENURE: tenure, N.NUMBER_RECYCLING: flag}
    return sim_story(Evidence.of(seen(name, value) for name, value in values.items()))


def at(days: float) -> AgeRange:
    return AgeRange(days * DAY_S, days * DAY_S)


def held(since: date, low_d: float, high_d: float | None, *, continuous: bool) -> Tenure:
    began = AgeRange(low_d * DAY_S, None if high_d is None else high_d * DAY_S)
    return Tenure(since, continuous=continuous, began=began)


LONG = held(BOUND, 930, None, continuous=True)
BROKEN_5 = held(BOUND, 4.0, 7.0, continuous=False)
YESTERDAY = date(2026, 11, 21)
NEW = held(YESTERDAY, 0.0, 3.1, continuous=True)
CASES: dict[str, tuple[AgeRange | None, Tenure | None, bool | None, SimStory]] = {
    "swapped three hours ago under an old contract": (at(0.125), LONG, False, S.SWAPPED),
    "the same, recycling unknown": (at(0.125), LONG, None, S.SWAPPED),
    "swapped within a window, under an old contract": (AgeRange(0.0, DAY_S), LONG, False, S.SWAPPED),
    "swapped after a port-in": (at(0.125), BROKEN_5, False, S.SWAPPED),
    "swapped after a fresh activation that is days old": (
        at(0.1), held(date(2026, 11, 18), 3.5, 6.0, continuous=True), False, S.SWAPPED),
    "ported in, the same person before and after": (at(5), BROKEN_5, False, S.PORTED_IN),
    "a new contract, whoever held the number before": (at(5), BROKEN_5, None, S.UNTOLD),
    "a new line, linked on the day of its activation": (at(1), NEW, False, S.NEW_LINE),
    "a new line, where recycling cannot be asked": (at(1), NEW, None, S.NEW_LINE),
    "a number that went to somebody else": (at(10), held(BOUND, 9, 12, continuous=False), True, S.RECYCLED),
    "recycled tells it alone": (None, None, True, S.RECYCLED),
    "recycled comes before everything": (at(0.125), LONG, True, S.RECYCLED),
    "an old SIM of a person linked later": (at(1000), LONG, False, S.BEFORE_BINDING),
    "no swap for a month, linked a week ago": (
        AgeRange(30 * DAY_S, None), held(date(2026, 11, 15), 30, None, continuous=True), None, S.BEFORE_BINDING),
    "no swap for a month, linked years ago": (AgeRange(30 * DAY_S, None), LONG, False, S.UNTOLD),
    "a contract that may have begun any time since the link": (
        at(5), held(BOUND, 0, 936, continuous=False), False, S.UNTOLD),
    "an adapter that does not narrow": (at(5), Tenure(BOUND, continuous=False), False, S.UNTOLD),
    "an adapter that does not narrow, an old link": (at(1000), Tenure(BOUND, continuous=True), False, S.BEFORE_BINDING),
    "the SIM older than the contract": (at(60), BROKEN_5, False, S.UNTOLD),
    "no SIM date": (None, LONG, False, S.UNTOLD),
    "no tenure": (at(1), None, False, S.UNTOLD),
    "nothing": (None, None, None, S.UNTOLD),
}  # fmt: skip


@pytest.mark.parametrize(("sim", "tenure", "recycled", "story"), CASES.values(), ids=CASES.keys())
def test_each_story(sim: AgeRange | None, tenure: Tenure | None, recycled: bool | None, story: SimStory) -> None:
    assert told(sim, tenure, recycled) is story


def test_evidence_without_any_of_the_three_is_untold() -> None:
    assert sim_story(Evidence(())) is S.UNTOLD


AGES = st.floats(0, 2000 * DAY_S)
RANGES = st.one_of(
    AGES.map(lambda age_s: AgeRange(age_s, age_s)),
    AGES.map(lambda age_s: AgeRange(age_s, None)),
    st.tuples(AGES, AGES).map(lambda ends: AgeRange(min(ends), max(ends))),
)


@settings(deadline=None)
@given(RANGES, RANGES, st.integers(1, 2000), st.booleans(), st.sampled_from([None, False]))
def test_a_swap_after_the_contract_is_never_explained_away(
    sim: AgeRange, began: AgeRange, bound_d: int, continuous: bool, recycled: bool | None
) -> None:
    since = (NOON - timedelta(days=bound_d)).date()
    story = told(sim, Tenure(since, continuous=continuous, began=began), recycled)
    assume(abs((sim.at_most_s or 0.0) - began.at_least_s) > 1.0)  # instants are kept as seconds since 1970
    surely_after = sim.at_most_s is not None and sim.at_most_s < began.at_least_s
    assert (story is S.SWAPPED) is surely_after
    if story in {S.NEW_LINE, S.PORTED_IN}:
        assert began.at_most_s is not None
        assert began.at_most_s - began.at_least_s <= 4 * DAY_S


@settings(deadline=None)
@given(RANGES, RANGES, st.booleans())
def test_without_recycling_no_port_in_is_believed(sim: AgeRange, began: AgeRange, continuous: bool) -> None:
    assert told(sim, Tenure(BOUND, continuous=continuous, began=began), None) is not S.PORTED_IN


def test_an_absurdly_long_age_is_no_error() -> None:
    assert told(AgeRange(1e300, None), LONG, None) is S.BEFORE_BINDING

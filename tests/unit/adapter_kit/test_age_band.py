"""The age bands of sim-swap 2.2.0: a number that stands for an interval, and one that stands for no date at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.age_band import NEVER, OLDEST, read_band
from broker.adapter_kit.camara.line import Reading
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import AgeRange, Unavailability, Window
from tests.unit.adapter_kit.asking import ask, refused
from tests.unit.adapter_kit.pretend import PretendOperator, camara_error, ok

U = Unavailability
HOUR_S, DAY_S = 3_600.0, 86_400.0
YEAR_S = 365 * DAY_S
DECLARED_S = 100 * DAY_S
BANDS = {
    1: (0, 4 * HOUR_S), 2: (4 * HOUR_S, 12 * HOUR_S), 3: (12 * HOUR_S, DAY_S), 4: (DAY_S, 2 * DAY_S),
    5: (2 * DAY_S, 3 * DAY_S), 6: (3 * DAY_S, 4 * DAY_S), 7: (4 * DAY_S, 5 * DAY_S), 8: (5 * DAY_S, 7 * DAY_S),
    9: (7 * DAY_S, 14 * DAY_S), 10: (14 * DAY_S, 30 * DAY_S), 11: (30 * DAY_S, 60 * DAY_S),
    12: (60 * DAY_S, 90 * DAY_S), 13: (90 * DAY_S, 180 * DAY_S), 14: (180 * DAY_S, YEAR_S), 15: (YEAR_S, 2 * YEAR_S),
    16: (2 * YEAR_S, 3 * YEAR_S), 17: (3 * YEAR_S, None),
}  # fmt: skip


@pytest.mark.parametrize(("band", "ends"), BANDS.items())
def test_a_band_is_an_interval(band: int, ends: tuple[float, float | None]) -> None:
    assert read_band(band, DECLARED_S) == Reading(AgeRange(*ends))


@pytest.mark.parametrize(("hours", "band"), [(36, 4), (144, 8), (480, 10), (1800, 12)])
def test_the_examples_of_the_released_tests_lie_in_their_bands(hours: int, band: int) -> None:
    value = read_band(band, DECLARED_S).value
    assert isinstance(value, AgeRange)
    assert value.at_most_s is not None
    assert value.at_least_s <= hours * HOUR_S < value.at_most_s


def test_never_covers_what_the_manifest_declares_and_no_more() -> None:
    assert read_band(NEVER, DECLARED_S) == Reading(AgeRange(DECLARED_S, None), Window(DECLARED_S))


@settings(deadline=None)
@given(st.integers().filter(lambda band: band != NEVER and not 1 <= band <= OLDEST))
def test_any_other_number_is_malformed_the_sentinels_of_drafts_too(band: int) -> None:
    with pytest.raises(OperatorFault) as caught:
        read_band(band, DECLARED_S)
    assert (caught.value.reason, caught.value.code) == (U.MALFORMED, KitCode.ABSURD_VALUE)


async def test_a_band_is_asked_where_dates_are_not_told_before_any_window() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/retrieve-date", camara_error(501, "NOT_IMPLEMENTED"))
    operator.on("/sim-swap/retrieve-age-band", ok({"simSwapAgeBand": 5, "more": 1}))
    assert await ask(operator, "sim-swap", "2.2.0") == Reading(AgeRange(2 * DAY_S, 3 * DAY_S))
    assert [path for path, *_ in operator.calls] == ["/sim-swap/retrieve-date", "/sim-swap/retrieve-age-band"]


async def test_an_operator_of_the_same_url_without_bands_is_asked_for_windows() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/check", ok({"swapped": False}))
    reading = await ask(operator, "sim-swap", "2.2.0")
    assert reading == Reading(AgeRange(30 * DAY_S, None), Window(30 * DAY_S))


async def test_a_date_comes_before_a_band() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/retrieve-date", ok({"latestSimChange": "2026-11-22T09:00:00Z"}))
    assert await ask(operator, "sim-swap", "2.2.0") == Reading(AgeRange(3 * HOUR_S, 3 * HOUR_S))


async def test_an_undeterminable_band_is_no_age() -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/retrieve-age-band", camara_error(422, "SERVICE_NOT_APPLICABLE"))
    fault = await refused(operator, "sim-swap", "2.2.0")
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, "SERVICE_NOT_APPLICABLE")


@pytest.mark.parametrize("band", ["4", None, True, 4.5])
async def test_a_band_of_another_type_is_malformed(band: object) -> None:
    operator = PretendOperator()
    operator.on("/sim-swap/retrieve-age-band", ok({"simSwapAgeBand": band}))
    assert (await refused(operator, "sim-swap", "2.2.0")).code == KitCode.WRONG_TYPE

"""The figures of a report, against values worked out by hand and against slower ways to the same number."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import figures
from broker.figures import Row

ROWS = [Row(0.9, attack=True, weight=1.0), Row(0.8, attack=False, weight=1.0), Row(0.3, attack=True, weight=1.0)]
ROWS.append(Row(0.1, attack=False, weight=1.0))

some_rows = st.lists(
    st.builds(
        Row,
        st.sampled_from([0.01, 0.1, 0.5, 0.9]) | st.floats(0.001, 0.999),
        st.booleans(),
        st.sampled_from([0.1, 1.0, 2.0]),
    ),
    max_size=30,
)


def test_worked_by_hand() -> None:
    assert figures.auc(ROWS) == pytest.approx(0.75)
    assert figures.average_precision(ROWS) == pytest.approx(0.5 * 1.0 + 0.5 * 2 / 3)
    assert figures.recall_at(ROWS, 0.25) == pytest.approx(0.5)
    assert figures.recall_at(ROWS, 0.75) == pytest.approx(1.0)
    assert figures.log_loss(ROWS) == pytest.approx(-(math.log(0.9) + math.log(0.2) + math.log(0.3) + math.log(0.9)) / 4)
    assert figures.observed_over_expected(ROWS).value == pytest.approx(2 / 2.1)


def test_wilson_agrees_with_the_published_example() -> None:
    # 10 of 100: 5.52 % to 17.44 % (Newcombe 1998, method 3 gives the same to two digits).
    found = figures.wilson(10, 100)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0552, 0.1744)


def test_of_nothing_nothing_is_claimed() -> None:
    assert figures.rate([]) == (0.0, 0.0, 1.0, 0)
    assert figures.auc([]) == 0.5
    assert figures.bands([], (0.1,)) == []


@given(some_rows)
def test_the_area_is_the_share_of_pairs_in_order(rows: list[Row]) -> None:
    good = [row for row in rows if not row.attack]
    bad = [row for row in rows if row.attack]
    won = whole = 0.0
    for a, g in itertools.product(bad, good):
        weight = a.weight * g.weight
        whole += weight
        won += weight * ((a.probability > g.probability) + (a.probability == g.probability) / 2)
    assert figures.auc(rows) == pytest.approx(won / whole if whole else 0.5)


@given(some_rows)
def test_bands_hold_every_row_once(rows: list[Row]) -> None:
    bands = figures.bands(rows, (0.05, 0.5))
    assert math.fsum(band.weight for band in bands) == pytest.approx(math.fsum(row.weight for row in rows))
    assert sum(band.attacks for band in bands) == sum(row.attack for row in rows)
    ordered = [(band.observed.low - 1e-9, band.observed.value, band.observed.high + 1e-9) for band in bands]
    assert all(low <= value <= high for low, value, high in ordered)


@given(some_rows, st.floats(0.0, 1.0))
def test_more_flagged_is_never_less_caught(rows: list[Row], share: float) -> None:
    assert figures.recall_at(rows, share) <= figures.recall_at(rows, min(1.0, share + 0.1)) + 1e-9

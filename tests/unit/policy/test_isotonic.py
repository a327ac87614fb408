from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.policy.isotonic import Grid, Row, falling, falling_grid, falls, grid_falls

values = st.floats(-10, 10)
masses = st.floats(0.001, 1)
rows = st.lists(st.tuples(values, masses), min_size=1, max_size=6)
grids = st.lists(st.lists(st.tuples(values, masses), min_size=3, max_size=3), min_size=3, max_size=3)


@pytest.mark.parametrize(
    ("given_values", "weights", "fitted"),
    [
        pytest.param((3, 2, 1), (1, 1, 1), (3, 2, 1), id="in order stays"),
        pytest.param((1, 2), (1, 1), (1.5, 1.5), id="two out of order meet in the middle"),
        pytest.param((1, 2), (3, 1), (1.25, 1.25), id="the heavier one pulls more"),
        pytest.param((5, 1, 2, 3), (1, 1, 1, 1), (5, 2, 2, 2), id="a pool swallows its neighbours"),
        pytest.param((-1, -3, -0.25), (0.1, 0.1, 0.9), (-0.625 / 1.1,) * 3, id="pools merge backwards"),
    ],
)
def test_pools_what_is_out_of_order(given_values: Row, weights: Row, fitted: Row) -> None:
    assert falling(given_values, weights) == pytest.approx(fitted)


@given(rows)
@settings(max_examples=300, deadline=None)
def test_the_line_falls_keeps_its_mean_and_stays_within_its_range(row: list[tuple[float, float]]) -> None:
    vs, ms = zip(*row, strict=True)
    fitted = falling(vs, ms)
    assert falls(fitted)
    assert sum(f * m for f, m in zip(fitted, ms, strict=True)) == pytest.approx(
        sum(v * m for v, m in row), rel=1e-9, abs=1e-9
    )
    assert min(vs) - 1e-9 <= min(fitted) <= max(fitted) <= max(vs) + 1e-9


@given(grids)
@settings(max_examples=60, deadline=None)
def test_the_grid_is_the_weighted_fit_that_the_min_max_formula_gives(cells: list[list[tuple[float, float]]]) -> None:
    vs = tuple(tuple(v for v, _ in row) for row in cells)
    ms = tuple(tuple(m for _, m in row) for row in cells)
    fitted, exact = falling_grid(vs, ms), _min_max(vs, ms)
    assert grid_falls(fitted)
    for row, wanted in zip(fitted, exact, strict=True):
        assert row == pytest.approx(wanted, abs=0.02)


def _min_max(vs: Grid, ms: Grid) -> Grid:
    """The textbook definition, by brute force: the largest over upper sets of the least mean over their lower parts."""
    size = len(vs)
    cells = [(r, c) for r in range(size) for c in range(size)]
    uppers = [
        frozenset((r, c) for r in range(size) for c in range(lengths[r]))
        for lengths in product(range(size + 1), repeat=size)
        if all(a >= b for a, b in pairwise(lengths))
    ]

    def mean(part: frozenset[tuple[int, int]]) -> float:
        return sum(vs[r][c] * ms[r][c] for r, c in part) / sum(ms[r][c] for r, c in part)

    # Severity falls away from (0, 0), so "upper" sets hold the worst corner and a cell's value is the least over upper
    # sets without it of the greatest mean over upper sets with it.
    def fit(cell: tuple[int, int]) -> float:
        return max(
            min(mean(upper - lower) for lower in uppers if cell not in lower and upper - lower)
            for upper in uppers
            if cell in upper
        )

    fitted = {cell: fit(cell) for cell in cells}
    return tuple(tuple(fitted[r, c] for c in range(size)) for r in range(size))

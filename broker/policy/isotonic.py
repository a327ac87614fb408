"""Weighted isotonic regression, on a line and on a grid.

A weight table must never say that a worse state is better evidence. Where the scenario table does, neighbours that are
out of order are pooled: they get the one weight that is nearest to theirs in squares, each counted by its probability.

Severity falls along both axes: index 0 is the worst state.
"""

from collections.abc import Sequence
from itertools import pairwise

Row = tuple[float, ...]
Grid = tuple[Row, ...]

_SWEEPS_MAX = 500
_SETTLED = 1e-12


def falling(values: Sequence[float], masses: Sequence[float]) -> Row:
    """The non-increasing sequence nearest to ``values`` in squares weighted by ``masses`` (all > 0).

    Pool adjacent violators; exact.
    """
    pools: list[tuple[float, float, int]] = []  # value, mass, how many
    for value, mass in zip(values, masses, strict=True):
        pools.append((value, mass, 1))
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            (v1, m1, n1), (v2, m2, n2) = pools[-2:]
            pools[-2:] = [((v1 * m1 + v2 * m2) / (m1 + m2), m1 + m2, n1 + n2)]
    return tuple(value for value, _, count in pools for _ in range(count))


def falling_grid(values: Grid, masses: Grid) -> Grid:
    """The grid nearest to ``values`` that falls along every row and every column.

    Dykstra's alternating projections between "rows fall" and "columns fall", which converge to the weighted fit; at
    most ``_SWEEPS_MAX`` sweeps. A running minimum from the worst corner takes out what rounding is left.
    """
    current, row_debt, column_debt = values, _zeros(values), _zeros(values)
    for _ in range(_SWEEPS_MAX):
        before = current
        wanted = _plus(current, row_debt)
        current = _rows_fall(wanted, masses)
        row_debt = _minus(wanted, current)
        wanted = _plus(current, column_debt)
        current = _transposed(_rows_fall(_transposed(wanted), _transposed(masses)))
        column_debt = _minus(wanted, current)
        if _distance(before, current) <= _SETTLED * (1.0 + _peak(values)):
            break
    return _running_minimum(current)


def falls(values: Sequence[float]) -> bool:
    """Whether no value is above the one before it."""
    return all(left >= right for left, right in pairwise(values))


def grid_falls(values: Grid) -> bool:
    """Whether every row and every column falls."""
    return all(falls(row) for row in values) and all(falls(row) for row in _transposed(values))


def _rows_fall(values: Grid, masses: Grid) -> Grid:
    return tuple(falling(row, mass) for row, mass in zip(values, masses, strict=True))


def _running_minimum(values: Grid) -> Grid:
    rows: list[Row] = []
    for row in values:
        out: list[float] = []
        for column, value in enumerate(row):
            above = rows[-1][column] if rows else value
            left = out[-1] if out else value
            out.append(min(value, above, left))
        rows.append(tuple(out))
    return tuple(rows)


def _transposed(values: Grid) -> Grid:
    return tuple(zip(*values, strict=True))


def _zeros(values: Grid) -> Grid:
    return tuple(tuple(0.0 for _ in row) for row in values)


def _plus(left: Grid, right: Grid) -> Grid:
    return tuple(tuple(a + b for a, b in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True))


def _minus(left: Grid, right: Grid) -> Grid:
    return tuple(tuple(a - b for a, b in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True))


def _distance(left: Grid, right: Grid) -> float:
    return max(abs(value) for row in _minus(left, right) for value in row)


def _peak(values: Grid) -> float:
    return max(abs(value) for row in values for value in row)

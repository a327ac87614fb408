"""How an age is read: bins become a curve over the logarithm of time, intervals become points on it.

Hard bins would make one second of age worth hundreds of points, and a date worth gaming. Between the mid-points of the
bins weights are interpolated linearly in log-time; before the first and beyond the last they are level.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from broker.domain.signal import AgeRange

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S

BIN_EDGES_S = (0.0, DAY_S, 3 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S, math.inf)
"""The bins behind ``AGE_STATES``, youngest first."""

# The first bin has no lower end in log-time, so its middle is taken in plain time; the last has no upper end, so its
# middle is set at twice its lower one. The others are geometric means.
KNOTS_S = (
    DAY_S / 2,
    *(math.sqrt(lo * hi) for lo, hi in pairwise(BIN_EDGES_S[1:-1])),
    2 * BIN_EDGES_S[-2],
)
KNOTS = tuple(math.log(knot) for knot in KNOTS_S)

# Within the first and the last bin, mass is spread over log-time from one hour, and up to ten years.
_MASS_EDGES = (math.log(HOUR_S), *(math.log(edge) for edge in BIN_EDGES_S[1:-1]), math.log(3_650 * DAY_S))

Points = tuple[tuple[float, float], ...]
"""``(share, log-age)`` pairs; the shares add up to one."""

CLEANEST: Points = ((1.0, KNOTS[-1]),)


def bin_of(age_s: float) -> int:
    """The index of the bin that holds an age; a bin ends with its upper edge."""
    return next(index for index, edge in enumerate(BIN_EDGES_S[1:]) if age_s <= edge)


def checked(value: AgeRange) -> AgeRange:
    """The range itself.

    Raises:
        ValueError: an end is negative, not finite, or the ends are the wrong way round.
    """
    upper = value.at_least_s if value.at_most_s is None else value.at_most_s
    if not (math.isfinite(value.at_least_s) and math.isfinite(upper) and 0.0 <= value.at_least_s <= upper):
        raise ValueError("an age must be finite, not negative, and at_least_s not above at_most_s")
    return value


def worst(value: AgeRange, elapsed_s: float) -> Points:
    """The most adverse age that the range allows: its younger end, grown by what has passed since."""
    return ((1.0, _log(value.at_least_s + elapsed_s)),)


def expected(value: AgeRange, elapsed_s: float, legitimate: Sequence[float]) -> Points:
    """Where in the range a legitimate subscriber's change would lie, bin by bin.

    The mean likelihood ratio over these points is the likelihood ratio of the range itself. An open upper end reaches
    beyond the last bin, where most of the legitimate mass is.
    """
    low = _log(value.at_least_s + elapsed_s)
    if value.at_most_s == value.at_least_s:  # a date, as most answers are
        return ((1.0, low),)
    high = math.inf if value.at_most_s is None else _log(value.at_most_s + elapsed_s)
    masses = [_overlap(index, low, high) * mass for index, mass in enumerate(legitimate)]
    total = math.fsum(masses)
    if total <= 0.0:  # a range outside the bins' span
        return ((1.0, low),)
    return tuple(
        (mass / total, min(max(knot, low), high)) for mass, knot in zip(masses, KNOTS, strict=True) if mass > 0.0
    )


def on_curve(weights: Sequence[float], x: float) -> float:
    """The weight at log-age ``x``, from one weight per bin."""
    index, part = _position(x)
    return _between(weights[index], weights[index + 1], part)


def on_grid(weights: Sequence[Sequence[float]], x: float, y: float) -> float:
    """The weight at two log-ages, bilinear; rows follow ``x``."""
    row, part = _position(x)
    return _between(on_curve(weights[row], y), on_curve(weights[row + 1], y), part)


def _position(x: float) -> tuple[int, float]:
    if x <= KNOTS[0]:
        return 0, 0.0
    if x >= KNOTS[-1]:
        return len(KNOTS) - 2, 1.0
    index = bisect_right(KNOTS, x) - 1
    return index, (x - KNOTS[index]) / (KNOTS[index + 1] - KNOTS[index])


def _between(left: float, right: float, part: float) -> float:
    return left + (right - left) * part


def _overlap(index: int, low: float, high: float) -> float:
    """The share of a bin's log-time that lies in the range."""
    start, end = _MASS_EDGES[index], _MASS_EDGES[index + 1]
    return max(0.0, min(end, high) - max(start, low)) / (end - start)


def _log(age_s: float) -> float:
    return math.log(max(age_s, 1.0))

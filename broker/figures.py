"""Figures over weighted rows: ranking, calibration, and intervals that know how few attacks there were."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_Z = 1.959964
_TINY = 1e-12


class Row(NamedTuple):
    """One scored question: probability of fraud, whether it was fraud, and how much it counts."""

    probability: float
    attack: bool
    weight: float


class Rate(NamedTuple):
    """A share with its 95 % interval; ``seen`` is the number of rows behind it."""

    value: float
    low: float
    high: float
    seen: int


class Band(NamedTuple):
    """Questions of similar probability: what was predicted on average and what came."""

    predicted: float
    observed: Rate
    weight: float
    attacks: int


class Point(NamedTuple):
    """A point of a curve."""

    x: float
    y: float


def rate(hits: Iterable[bool]) -> Rate:
    """The share of hits among equally weighted rows, with Wilson's interval; of no rows, anything from 0 to 1."""
    seen = found = 0
    for hit in hits:
        seen += 1
        found += hit
    return wilson(found, seen)


def wilson(found: float, seen: float) -> Rate:
    """Wilson's score interval for ``found`` of ``seen``."""
    if seen <= 0:
        return Rate(0.0, 0.0, 1.0, 0)
    share = found / seen
    scale = 1.0 + _Z * _Z / seen
    middle = (share + _Z * _Z / (2.0 * seen)) / scale
    half = _Z / scale * math.sqrt(share * (1.0 - share) / seen + _Z * _Z / (4.0 * seen * seen))
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half), round(seen))


def auc(rows: Sequence[Row]) -> float:
    """The probability that an attack ranks above an honest question; ties count half. 0.5 where one side is empty."""
    below = area = attacks = honest = 0.0
    for group in _by_probability(rows):
        good = math.fsum(row.weight for row in group if not row.attack)
        bad = math.fsum(row.weight for row in group if row.attack)
        area += bad * (below + good / 2.0)
        below += good
        attacks, honest = attacks + bad, honest + good
    return area / (attacks * honest) if attacks and honest else 0.5


def precision_recall(rows: Sequence[Row]) -> list[Point]:
    """Recall (x) and precision (y) for every threshold, strictest first."""
    total = math.fsum(row.weight for row in rows if row.attack)
    flagged = caught = 0.0
    points: list[Point] = []
    for group in reversed(list(_by_probability(rows))):
        flagged += math.fsum(row.weight for row in group)
        caught += math.fsum(row.weight for row in group if row.attack)
        points.append(Point(caught / max(total, _TINY), caught / max(flagged, _TINY)))
    return points


def average_precision(rows: Sequence[Row]) -> float:
    """The mean precision over recall, as a sum of steps."""
    before = area = 0.0
    for point in precision_recall(rows):
        area += (point.x - before) * point.y
        before = point.x
    return area


def recall_at(rows: Sequence[Row], flagged_share: float) -> float:
    """The share of attacks among the most suspicious ``flagged_share`` of questions; a group of ties counts in part."""
    budget = flagged_share * math.fsum(row.weight for row in rows)
    total = math.fsum(row.weight for row in rows if row.attack)
    caught = 0.0
    for group in reversed(list(_by_probability(rows))):
        weight = math.fsum(row.weight for row in group)
        part = min(1.0, budget / max(weight, _TINY))
        caught += part * math.fsum(row.weight for row in group if row.attack)
        budget -= weight
        if budget <= 0.0:
            break
    return caught / max(total, _TINY)


def log_loss(rows: Sequence[Row]) -> float:
    """The mean negative log-likelihood, in nats a question."""
    whole = math.fsum(row.weight for row in rows)
    lost = math.fsum(
        -row.weight * math.log(max(row.probability if row.attack else 1.0 - row.probability, _TINY)) for row in rows
    )
    return lost / max(whole, _TINY)


def observed_over_expected(rows: Sequence[Row]) -> Rate:
    """Attacks that came against those that were announced; 1 is calibrated. Normal interval of the count."""
    expected = math.fsum(row.weight * row.probability for row in rows)
    observed = math.fsum(row.weight for row in rows if row.attack)
    spread = math.sqrt(math.fsum(row.weight**2 for row in rows if row.attack))
    divisor = max(expected, _TINY)
    seen = sum(row.attack for row in rows)
    return Rate(
        observed / divisor, max(0.0, observed - _Z * spread) / divisor, (observed + _Z * spread) / divisor, seen
    )


def bands(rows: Sequence[Row], edges: Sequence[float]) -> list[Band]:
    """Calibration by probability: one band between each two edges, empty ones left out."""
    inside: list[list[Row]] = [[] for _ in range(len(edges) + 1)]
    for row in rows:
        inside[sum(row.probability >= edge for edge in edges)].append(row)
    return [_band(group) for group in inside if group]


def _band(rows: Sequence[Row]) -> Band:
    weight = math.fsum(row.weight for row in rows)
    predicted = math.fsum(row.weight * row.probability for row in rows) / weight
    attacks = math.fsum(row.weight for row in rows if row.attack)
    # As many equally weighted rows as would know the share equally well.
    effective = weight**2 / math.fsum(row.weight**2 for row in rows)
    share = attacks / weight
    return Band(predicted, wilson(share * effective, effective), weight, sum(row.attack for row in rows))


def _by_probability(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Rows of equal probability together, lowest first."""
    group: list[Row] = []
    for row in sorted(rows, key=lambda one: one.probability):
        if group and row.probability != group[0].probability:
            yield group
            group = []
        group.append(row)
    if group:
        yield group

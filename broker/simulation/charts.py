"""Pictures of the report, as SVG that loads nothing and runs nothing: points, lines and bars on two axes."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from broker.figures import Band, Point, Rate

_WIDTH, _HEIGHT = 620, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 48
_LEAST = 1e-5
_COLOURS = ("#2458a6", "#b3541e", "#3d7a4f", "#7a4fa3", "#8a8f98")
_TENS = ((1e-5, "0.001 %"), (1e-4, "0.01 %"), (1e-3, "0.1 %"), (1e-2, "1 %"), (0.1, "10 %"), (1.0, "100 %"))
_FIFTHS = tuple((part / 5, f"{part * 20} %") for part in range(6))

Ticks = Sequence[tuple[float, str]]


class _Axes(NamedTuple):
    """Where a value lies in the picture: ``x`` and ``y`` give 0 to 1 along each axis."""

    x: Callable[[float], float]
    y: Callable[[float], float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = _LEFT + self.x(x) * (_WIDTH - _LEFT - _RIGHT)
        up = _HEIGHT - _BOTTOM - self.y(y) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(up, 1)


def precision_recall(points: Sequence[Point]) -> str:
    """Precision over recall."""
    axes = _Axes(_plain, _plain)
    parts = [*_frame(axes, ("recall", _FIFTHS), ("precision", _FIFTHS)), _line(axes, points, _COLOURS[0])]
    told = ", ".join(f"{point.y:.0%} at {point.x:.0%}" for point in points[:: max(1, len(points) // 5)])
    return _svg(f"Precision at each recall: {told}", parts)


def calibration(bands: Sequence[Band]) -> str:
    """Observed against predicted with its interval, on axes of ten times ten; the diagonal is perfect."""
    axes = _Axes(_by_tens, _by_tens)
    parts = [*_frame(axes, ("predicted", _TENS), ("observed", _TENS))]
    parts.append(_line(axes, [Point(_LEAST, _LEAST), Point(1.0, 1.0)], _COLOURS[4], dashed=True))
    for band in bands:
        if band.attacks:
            ends = [Point(band.predicted, band.observed.low), Point(band.predicted, band.observed.high)]
            parts += [_line(axes, ends, _COLOURS[0]), _dot(axes, band.predicted, band.observed.value, _COLOURS[0])]
    told = ", ".join(f"{band.observed.value:.3%} where {band.predicted:.3%} was predicted" for band in bands)
    return _svg(f"Observed share of attacks by what was predicted: {told}", parts)


def costs(values: Sequence[float], strategies: Mapping[str, Sequence[float]]) -> str:
    """A line for each way to decide: cost per 1,000 questions over the value at risk, on scales of ten times ten."""
    highest = max((cost for amounts in strategies.values() for cost in amounts), default=1.0)
    # The legend stands in the highest tenfold.
    tenfolds = 2 + math.ceil(math.log10(max(highest, 0.2)))
    reach = math.log(values[-1] / values[0]) or 1.0
    axes = _Axes(
        lambda x: math.log(max(x, values[0]) / values[0]) / reach, lambda y: math.log10(max(y, 0.1) / 0.1) / tenfolds
    )
    scale = [(0.1 * 10.0**step, f"{0.1 * 10.0**step:g}") for step in range(tenfolds + 1)]
    parts = [*_frame(axes, ("value at risk", [(value, f"{value:g}") for value in values]), ("cost", scale))]
    for row, amounts in enumerate(strategies.values()):
        points = [Point(value, cost) for value, cost in zip(values, amounts, strict=True)]
        parts.append(_line(axes, points, _COLOURS[row], dashed=row > 0))
        parts += [_dot(axes, *point, _COLOURS[row]) for point in points]
    lowest = ", ".join(f"{name} {amounts[-1]:.2f}" for name, amounts in strategies.items())
    told = f"Cost for every 1,000 questions over the value at risk; at {values[-1]:g}: {lowest}"
    return _svg(told, [*parts, *_legend(strategies)])


def ratios(groups: Mapping[str, float], most: float) -> str:
    """A bar for each group, how often it is bothered against everybody; dashed lines at one and at ``most``."""
    top = max([*groups.values(), most]) * 1.1
    names = list(groups)
    axes = _Axes(lambda x: x / top, lambda y: 1.0 - y / max(len(names), 1))
    ticks = [(step, f"{step:g}") for step in (0.0, 1.0, most, *(float(at) for at in range(2, math.ceil(top))))]
    parts = [*_frame(axes, ("times as often as everybody", ticks), ("", []))]
    for at, (name, ratio) in enumerate(groups.items()):
        colour = _COLOURS[1] if ratio > most else _COLOURS[0]
        parts.append(_bar(axes, (0.0, at + 0.9), (ratio, -0.8), colour))
        left, middle = axes.at(0.0, at + 0.5)
        parts.append(_text(left + 6, middle + 4, f"{name} {ratio:.2f}", "start", halo=True))
    ends = [[Point(value, 0.0), Point(value, float(len(names)))] for value in (1.0, most)]
    parts += [_line(axes, line, _COLOURS[4], dashed=True) for line in ends]
    return _svg("Bothered against everybody: " + ", ".join(f"{name} {one:.2f}" for name, one in groups.items()), parts)


def shares(rates: Mapping[str, Rate]) -> str:
    """A bar with its interval for each share."""
    axes = _Axes(lambda x: x / max(len(rates), 1), _plain)
    names = [(at + 0.5, name) for at, name in enumerate(rates)]
    parts = [*_frame(axes, ("", names), ("stopped", _FIFTHS))]
    for at, rate in enumerate(rates.values()):
        parts.append(_bar(axes, (at + 0.2, 0.0), (0.6, rate.value), _COLOURS[0]))
        parts.append(_line(axes, [Point(at + 0.5, rate.low), Point(at + 0.5, rate.high)], "#1b1f24"))
    told = ", ".join(f"{name} {rate.value:.0%}" for name, rate in rates.items())
    return _svg(f"Share of sessions stopped: {told}", parts)


def _plain(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _by_tens(value: float) -> float:
    return 1.0 - math.log10(min(max(value, _LEAST), 1.0)) / math.log10(_LEAST)


def _frame(axes: _Axes, across: tuple[str, Ticks], up: tuple[str, Ticks]) -> Iterable[str]:
    for value, label in up[1]:
        height = axes.at(0.0, value)[1]
        yield f'<path d="M{_LEFT} {height}H{_WIDTH - _RIGHT}" stroke="#d5dae0"/>'
        yield _text(_LEFT - 6, height + 4, label, "end")
    for value, label in across[1]:
        yield _text(axes.at(value, 0.0)[0], _HEIGHT - _BOTTOM + 16, label, "middle")
    yield _text((_WIDTH + _LEFT) / 2, _HEIGHT - 12, across[0], "middle")
    yield f'<text transform="translate(12 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up[0])}</text>'


def _line(axes: _Axes, points: Sequence[Point], colour: str, *, dashed: bool = False) -> str:
    path = " ".join("{},{}".format(*axes.at(point.x, point.y)) for point in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _dot(axes: _Axes, x: float, y: float, colour: str) -> str:
    across, up = axes.at(x, y)
    return f'<circle cx="{across}" cy="{up}" r="4" fill="{colour}"/>'


def _bar(axes: _Axes, corner: tuple[float, float], size: tuple[float, float], colour: str) -> str:
    left, bottom = axes.at(*corner)
    right, top = axes.at(corner[0] + size[0], size[1])
    wide, high = right - left, max(bottom - top, 0.0)
    return f'<rect x="{left}" y="{top}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"/>'


def _legend(names: Iterable[str]) -> Iterable[str]:
    for row, name in enumerate(names):
        top = _TOP + 16 * row
        yield f'<rect x="{_LEFT + 8}" y="{top}" width="10" height="10" fill="{_COLOURS[row]}"/>'
        yield _text(_LEFT + 24, top + 10, name, "start")


def _text(x: float, y: float, text: str, anchor: str, *, halo: bool = False) -> str:
    """``halo`` keeps a text readable that lies over a bar."""
    around = ' paint-order="stroke" stroke="#fff" stroke-width="3"' if halo else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{around}>{escape(text)}</text>'


def _svg(told: str, parts: Iterable[str]) -> str:
    """``told`` is the picture in words, for whoever hears it."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    named = f'{head} aria-label="{escape(told)}" font-family="system-ui, sans-serif" font-size="12" fill="#1b1f24">'
    return f"{named}{''.join(parts)}</svg>"

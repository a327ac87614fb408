"""Platt's map, fitted to what checks turned out to be: ``log-odds = intercept + slope * uncalibrated log-odds``.

Each class has an intercept of its own, for a wrong prior is the commonest error; all classes of a tenant share the
slope. A prior of :data:`PRIOR_POSITIVES` cases that came out just as predicted holds the map at (0, 1) until labels say
otherwise, and the slope never falls below :data:`SLOPE_MIN`: a worse score must stay a higher probability.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from broker.domain.decision import ActionClass

PRIOR_POSITIVES = 20.0
POSITIVES_MIN = 20
"""With fewer confirmed frauds than this a class stays uncalibrated."""
SLOPE_MIN = 0.2

_STEPS_MAX = 100
_SETTLED = 1e-10
_LOG_ODDS_MAX = 30.0


class Labelled(msgspec.Struct, frozen=True):
    """One check whose outcome is known: its uncalibrated log-odds, and how much the label counts (0 to 1)."""

    log_odds: float
    fraud: bool
    weight: float = 1.0


class Platt(msgspec.Struct, frozen=True):
    """The map of one class; ``positives`` are the frauds it rests on."""

    intercept: float
    slope: float
    positives: int

    @property
    def calibrated(self) -> bool:
        """Whether it rests on enough to be called calibrated."""
        return self.positives >= POSITIVES_MIN

    def __call__(self, log_odds: float) -> float:
        """The calibrated log-odds."""
        return self.intercept + self.slope * log_odds


def fit(labels: Mapping[ActionClass, Sequence[Labelled]]) -> dict[ActionClass, Platt]:
    """The maps of one tenant's classes.

    A class with fewer than :data:`POSITIVES_MIN` frauds is left at (0, 1) and takes no part in the slope.

    Raises:
        ValueError: log-odds or a weight that is not finite, or a weight outside 0 to 1.
    """
    positives = {one: sum(label.fraud for label in found) for one, found in labels.items()}
    for found in labels.values():
        _refuse_nonsense(found)
    enough = [one for one in sorted(labels) if positives[one] >= POSITIVES_MIN]
    maps = {one: Platt(0.0, 1.0, positives[one]) for one in labels}
    if not enough:
        return maps
    samples = [_with_prior(labels[one]) for one in enough]
    slope, intercepts = _newton(samples, slope_free=True)
    if slope < SLOPE_MIN:
        slope, intercepts = _newton(samples, slope_free=False)
    return maps | {
        one: Platt(intercept, slope, positives[one]) for one, intercept in zip(enough, intercepts, strict=True)
    }


def written(maps: Mapping[ActionClass, Platt], source: str) -> str | None:
    """The maps as an entry for ``evidence`` of a policy document; ``None`` where no class had frauds enough.

    Args:
        maps: what :func:`fit` found.
        source: in words, what they rest on; without quotes.
    """
    fitted = {one: found for one, found in sorted(maps.items()) if found.calibrated}
    if not fitted:
        return None
    slope = next(iter(fitted.values())).slope
    intercepts = ", ".join(f"{one.wire}: {found.intercept:.4f}" for one, found in fitted.items())
    return (
        "evidence:\n"
        f'  sources: {{outcomes: "{source}"}}\n'
        "  calibration:\n"
        f"    {{calibrated: true, intercept: 0.0, slope: {slope:.4f}, source: outcomes,\n"
        f"     intercepts: {{{intercepts}}}}}\n"
    )


_Sample = list[tuple[float, float, float]]
"""Log-odds, the share of fraud, and the weight of each case."""


def _refuse_nonsense(labels: Sequence[Labelled]) -> None:
    for one in labels:
        if not math.isfinite(one.log_odds) or not 0.0 <= one.weight <= 1.0:
            raise ValueError("log-odds must be finite and weights between 0 and 1")


def _with_prior(labels: Sequence[Labelled]) -> _Sample:
    """The labels, and each of them again with the predicted share of fraud, scaled to the strength of the prior."""
    scores = [min(max(one.log_odds, -_LOG_ODDS_MAX), _LOG_ODDS_MAX) for one in labels]
    scale = PRIOR_POSITIVES / math.fsum(map(_share, scores))
    seen = [(score, float(one.fraud), one.weight) for score, one in zip(scores, labels, strict=True)]
    return [*seen, *((score, _share(score), scale) for score in scores)]


def _newton(samples: Sequence[_Sample], *, slope_free: bool) -> tuple[float, list[float]]:
    """The most likely slope and intercepts: Newton's steps, halved until they do not make things worse."""
    slope, intercepts = (1.0 if slope_free else SLOPE_MIN), [0.0] * len(samples)
    loss = _loss(samples, slope, intercepts)
    for _ in range(_STEPS_MAX):
        d_slope, d_intercepts = _step(samples, slope, intercepts, slope_free=slope_free)
        size = 1.0
        while True:
            tried = slope + size * d_slope, [a + size * d for a, d in zip(intercepts, d_intercepts, strict=True)]
            new = _loss(samples, *tried)
            if new <= loss or size < _SETTLED:
                break
            size /= 2.0
        (slope, intercepts), improved, loss = tried, loss - new, min(new, loss)
        if improved <= _SETTLED * (1.0 + abs(loss)):
            break
    return slope, intercepts


def _step(
    samples: Sequence[_Sample], slope: float, intercepts: Sequence[float], *, slope_free: bool
) -> tuple[float, list[float]]:
    """Newton's step. The Hessian is an arrow (one slope, independent intercepts), so it is solved by elimination."""
    blocks = [_block(sample, slope, intercept) for sample, intercept in zip(samples, intercepts, strict=True)]
    d_slope = 0.0
    if slope_free:
        gradient = math.fsum(block.slope - block.both * block.intercept / block.flat for block in blocks)
        curvature = math.fsum(block.steep - block.both * block.both / block.flat for block in blocks)
        d_slope = -gradient / curvature if curvature > 0.0 else 0.0
    return d_slope, [-(block.intercept + block.both * d_slope) / block.flat for block in blocks]


class _Block(msgspec.Struct, frozen=True):
    """One class's share of gradient (``intercept``, ``slope``) and Hessian (``flat``, ``both``, ``steep``)."""

    intercept: float
    slope: float
    flat: float
    both: float
    steep: float


def _block(sample: _Sample, slope: float, intercept: float) -> _Block:
    rows = []
    for score, fraud, weight in sample:
        share = _share(intercept + slope * score)
        error, spread = weight * (share - fraud), max(weight * share * (1.0 - share), 1e-300)
        rows.append((error, error * score, spread, spread * score, spread * score * score))
    return _Block(*(math.fsum(column) for column in zip(*rows, strict=True)))


def _loss(samples: Sequence[_Sample], slope: float, intercepts: Sequence[float]) -> float:
    return math.fsum(
        weight * (_softplus(at) - fraud * at)
        for sample, intercept in zip(samples, intercepts, strict=True)
        for score, fraud, weight in sample
        for at in (intercept + slope * score,)
    )


def _softplus(at: float) -> float:
    return max(at, 0.0) + math.log1p(math.exp(-abs(at)))


def _share(log_odds: float) -> float:
    """The logistic function, at either end without overflow."""
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)

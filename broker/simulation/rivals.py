"""The scorecard, which decides, against the mixture model, which runs beside it: on the same questions, in truth."""

import math
from collections.abc import Sequence

import msgspec

from broker.policy.costs import cheapest
from broker.simulation.strategies import VALUES, cost_of, rules_at
from broker.simulation.tally import Tally

COST_RATIO_MAX = 1.05
"""The aim: the scorecard costs at most so many times what the mixture does (scoring reference, section 12)."""

_Z = 1.959964
_TINY = 1e-12


class Difference(msgspec.Struct, frozen=True):
    """The scorecard's mean and the mixture's; ``gain`` is the first less the second, with its 95 % interval.

    The interval is normal, over the differences of each question, for both judged the same ones; ``value`` is the
    value at risk in typical losses, costs are per 1,000 questions; ``None`` is the mean log-loss.
    """

    value: float | None
    scorecard: float
    mixture: float
    gain: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The scorecard's over the mixture's."""
        return self.scorecard / self.mixture if self.mixture else 1.0


class Rivals(msgspec.Struct, frozen=True):
    """How near each was to the truth, and what deciding by each would have cost."""

    log_loss: Difference
    costs: tuple[Difference, ...]


def rivals(tally: Tally, rows: Sequence[int]) -> Rivals:
    """Compare them over these rows; floors and gates of policies are left out of both."""
    ours = [tally.weight[at] * _loss(tally.probability[at], attack=bool(tally.attack[at])) for at in rows]
    theirs = [tally.weight[at] * _loss(tally.rival[at], attack=bool(tally.attack[at])) for at in rows]
    return Rivals(_difference(tally, rows, None, (ours, theirs), 1.0), tuple(_cost(tally, rows, one) for one in VALUES))


def _cost(tally: Tally, rows: Sequence[int], value: float) -> Difference:
    rules = rules_at(value)
    ours, theirs = (
        [cost_of(tally, at, cheapest(rules, column[at], weak_step_up=False), rules) for at in rows]
        for column in (tally.probability, tally.rival)
    )
    return _difference(tally, rows, value, (ours, theirs), 1000.0)


def _difference(
    tally: Tally, rows: Sequence[int], value: float | None, both: tuple[list[float], list[float]], scale: float
) -> Difference:
    """``both`` are amounts already multiplied by the weights of their rows."""
    ours, theirs = both
    weights = [tally.weight[at] for at in rows]
    whole = math.fsum(weights) or 1.0
    gain = (math.fsum(ours) - math.fsum(theirs)) / whole
    spread = math.fsum(
        (one - other - weight * gain) ** 2 for one, other, weight in zip(ours, theirs, weights, strict=True)
    )
    half = _Z * math.sqrt(spread) / whole
    scaled = (scale * amount for amount in (gain, gain - half, gain + half))
    return Difference(value, scale * math.fsum(ours) / whole, scale * math.fsum(theirs) / whole, *scaled)


def _loss(probability: float, *, attack: bool) -> float:
    return -math.log(max(probability if attack else 1.0 - probability, _TINY))

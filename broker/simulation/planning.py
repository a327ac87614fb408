"""What asking in waves saves, and what it changes: each question beside itself, asked everything at once."""

from array import array
from collections.abc import Iterable

import msgspec

from broker.domain.decision import ActionClass
from broker.simulation.tally import Tally

SAVED_MIN = 0.4
SAME_MIN = 0.995
"""The aim: that much less paid than for asking everything, and that share of decisions the same."""

ALL = "all"
"""Every class together."""


class Planned(msgspec.Struct, frozen=True):
    """The questions of one class. Everything but the counts is corrected for oversampled attacks, and per question.

    ``same`` is the share decided as if everything had been asked; ``looser`` and ``stricter`` count the others as they
    were played. Costs are by currency.
    """

    questions: int
    same: float
    looser: int
    stricter: int
    asked: float
    asked_all: float
    waves: float
    waited_ms: float
    waited_all_ms: float
    cost: dict[str, float]
    cost_all: dict[str, float]

    @property
    def saved(self) -> dict[str, float]:
        """The share of the cost of asking everything that was not spent, by currency."""
        return {name: 1.0 - self.cost[name] / whole for name, whole in self.cost_all.items() if whole}


class Planning(msgspec.Struct, frozen=True):
    """Planning under the policies as they are, and as if each class wanted whatever can be weighed; by class.

    What the second asked without a plan is what asking everything costs. ``wide`` is ``None`` where it was not played.
    """

    shipped: dict[str, Planned]
    wide: dict[str, Planned] | None = None


def planned(tally: Tally) -> dict[str, Planned]:
    """By class, and all together."""
    rows: dict[str, list[int]] = {}
    for at, number in enumerate(tally.action_class):
        rows.setdefault(ActionClass(number).wire, []).append(at)
    classes = [one.wire for one in ActionClass if one.wire in rows]
    return {name: _planned(tally, rows[name]) for name in classes} | {ALL: _planned(tally, range(len(tally)))}


def misses(found: dict[str, Planned]) -> list[str]:
    """Which parts of the aim a run misses, in words; only ``high`` and ``critical`` may never be looser."""
    whole, told = found[ALL], []
    told += [f"{saved:.1%} saved in {name}" for name, saved in whole.saved.items() if saved < SAVED_MIN]
    told += [f"{whole.same:.2%} decided the same"] if whole.same < SAME_MIN else []
    sensitive = [one.wire for one in (ActionClass.HIGH, ActionClass.CRITICAL)]
    told += [f"{found[name].looser} looser in {name}" for name in sensitive if name in found and found[name].looser]
    return told


def _planned(tally: Tally, rows: Iterable[int]) -> Planned:
    at_all = list(rows)
    weights = [tally.weight[at] for at in at_all]
    whole = sum(weights) or 1.0

    def mean(column: Iterable[float]) -> float:
        return sum(weight * value for weight, value in zip(weights, column, strict=True)) / whole

    pairs = [(tally.outcome[at], tally.outcome_all[at]) for at in at_all]
    return Planned(
        questions=len(at_all),
        same=mean(float(ours == theirs) for ours, theirs in pairs),
        looser=sum(ours < theirs for ours, theirs in pairs),
        stricter=sum(ours > theirs for ours, theirs in pairs),
        asked=mean(tally.asked[at] for at in at_all),
        asked_all=mean(tally.asked_all[at] for at in at_all),
        waves=mean(tally.waves[at] for at in at_all),
        waited_ms=mean(tally.took[at] for at in at_all),
        waited_all_ms=mean(tally.took_all[at] for at in at_all),
        cost=_by_currency(tally, at_all, tally.cost, whole),
        cost_all=_by_currency(tally, at_all, tally.cost_all, whole),
    )


def _by_currency(tally: Tally, rows: Iterable[int], costs: "array[float]", whole: float) -> dict[str, float]:
    sums: dict[str, float] = {}
    for at in rows:
        currency = tally.names.currencies[tally.operator[at]]
        if currency:
            sums[currency] = sums.get(currency, 0.0) + tally.weight[at] * costs[at] / whole
    return dict(sorted(sums.items()))

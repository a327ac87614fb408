"""Ways to decide, and what each would have cost in truth: the least expected cost against rules of thumb."""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from broker.domain.decision import ActionClass, Outcome
from broker.policy.costs import cheapest
from broker.policy.rules import ClassRules, Costs
from broker.simulation.tally import Tally

VALUES = (1.0, 2.0, 5.0, 10.0, 25.0)
"""Values at risk, in typical losses, at which strategies are compared."""


class Strategy(msgspec.Struct, frozen=True):
    """A way to decide, and its cost per 1,000 questions at each value of :data:`VALUES`, in typical losses."""

    name: str
    costs: tuple[float, ...]


def strategies(tally: Tally, rows: Sequence[int]) -> tuple[Strategy, ...]:
    """By expected cost, against the rules of thumb of the field; floors and gates of documents are left out of all."""
    choices: Mapping[str, Callable[[int, ClassRules], Outcome]] = {
        "least expected cost": lambda at, rules: cheapest(rules, tally.probability[at], weak_step_up=False),
        "deny after a SIM change within 7 days": lambda at, _: Outcome.DENY if tally.naive[at] else Outcome.ALLOW,
        "step up after a SIM change within 7 days": lambda at, _: Outcome.STEP_UP if tally.naive[at] else Outcome.ALLOW,
        "step up always": lambda _at, _rules: Outcome.STEP_UP,
        "allow always": lambda _at, _rules: Outcome.ALLOW,
    }
    whole = math.fsum(tally.weight[at] for at in rows) or 1.0
    found = []
    for name, choose in choices.items():
        costs = [
            1000.0 * math.fsum(cost_of(tally, at, choose(at, rules), rules) for at in rows) / whole
            for rules in map(rules_at, VALUES)
        ]
        found.append(Strategy(name, tuple(costs)))
    return tuple(found)


def rules_at(value: float) -> ClassRules:
    """The usual costs at a value at risk, in typical losses."""
    return ClassRules(ActionClass.LOW, 0.5, value, Costs(), 0.0, None, (), (), {}, Outcome.ALLOW, Outcome.ALLOW, {})


def cost_of(tally: Tally, at: int, outcome: Outcome, rules: ClassRules) -> float:
    """What a decision cost in truth, in typical losses, corrected for oversampled attacks."""
    costs, loss = rules.costs, rules.value_at_risk if tally.attack[at] else 0.0
    honest = 0.0 if tally.attack[at] else 1.0
    match outcome:
        case Outcome.ALLOW:
            cost = loss
        case Outcome.STEP_UP:
            cost = costs.step_up + (1.0 - costs.step_up_stops) * loss + honest * costs.step_up_friction
        case Outcome.REVIEW:
            cost = costs.review + (1.0 - costs.review_stops) * loss + honest * costs.review_friction
        case Outcome.DENY:
            cost = honest * costs.insult
    return tally.weight[at] * cost

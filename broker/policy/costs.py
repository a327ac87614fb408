"""The decision by expected cost: which outcome is cheapest, given how probable fraud is and what is at stake."""

import msgspec

from broker.domain.decision import Outcome
from broker.policy.rules import ClassRules

_STRICTEST_FIRST = tuple(reversed(Outcome))


class ExpectedCosts(msgspec.Struct, frozen=True):
    """The expected cost of each outcome, in units of a typical loss."""

    allow: float
    step_up: float
    review: float
    deny: float

    @property
    def cheapest(self) -> Outcome:
        """The outcome of least cost; the stricter one of equals."""
        costs = (self.deny, self.review, self.step_up, self.allow)
        return _STRICTEST_FIRST[costs.index(min(costs))]

    def by_name(self) -> dict[str, float]:
        """Costs by the outcome's name on the wire."""
        return msgspec.structs.asdict(self)


def expected_costs(rules: ClassRules, probability: float, *, weak_step_up: bool = False) -> ExpectedCosts:
    """What each outcome costs on average.

    Args:
        rules: the value at risk and the costs of mistakes.
        probability: of fraud, 0 to 1.
        weak_step_up: no method is left that stands clear of a line in doubt, so a step-up stops fewer attacks.
    """
    costs, value, genuine = rules.costs, rules.value_at_risk, 1.0 - probability
    stops = costs.weak_step_up_stops if weak_step_up else costs.step_up_stops
    return ExpectedCosts(
        allow=probability * value,
        step_up=costs.step_up + probability * (1.0 - stops) * value + genuine * costs.step_up_friction,
        review=costs.review + probability * (1.0 - costs.review_stops) * value + genuine * costs.review_friction,
        deny=genuine * costs.insult,
    )


def cheapest(rules: ClassRules, probability: float, *, weak_step_up: bool) -> Outcome:
    """The outcome to prefer at a probability; it never falls as the probability rises.

    Defensive: a weaker step-up makes *allow* look relatively cheaper, so the choice with the ordinary one stays as a
    floor.
    """
    usual = expected_costs(rules, probability).cheapest
    return max(usual, expected_costs(rules, probability, weak_step_up=True).cheapest) if weak_step_up else usual


def stepwise(now: Outcome, at_worst: Outcome) -> Outcome:
    """At most one step stricter than ``now``, and only if ``at_worst`` is stricter."""
    return min(Outcome(min(now + 1, Outcome.DENY)), max(now, at_worst))

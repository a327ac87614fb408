"""The challenger: Bayes over the published scenarios, and nothing but that."""

import math

import pytest

from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy.mixture import challenge
from broker.policy.scenarios import STATES
from tests.unit.policy.kit import evidence, table

PRIOR = 0.005


def by_hand(**states: str) -> float:
    """The probability of fraud by Bayes' rule, straight from the table."""
    mass = {True: 0.0, False: 0.0}
    for row in table().scenarios:
        likelihood = math.prod(
            row.states[SignalName(name)][STATES[SignalName(name)].index(state)] for name, state in states.items()
        )
        mass[row.attack] += (PRIOR if row.attack else 1 - PRIOR) * row.share * likelihood
    return mass[True] / (mass[True] + mass[False])


@pytest.mark.parametrize(
    ("seen", "states"),
    [
        ({"sim_swap": "3h"}, {"sim_swap": "24h"}),
        ({"sim_swap": "3h", "location": "outside"}, {"sim_swap": "24h", "location": "outside"}),
        (
            {"number_verification": "match", "call_forwarding": "active"},
            {"number_verification": "match", "call_forwarding": "active"},
        ),
    ],
)
def test_it_is_bayes_over_the_scenarios(seen: dict[str, str], states: dict[str, str]) -> None:
    found = challenge(table(), PRIOR, evidence(**seen))
    assert found.probability == pytest.approx(by_hand(**states), rel=1e-12)
    assert 0.0 < sum(found.scenarios.values()) <= 1.0


def test_without_evidence_the_prior_stands() -> None:
    assert challenge(table(), PRIOR, Evidence(())).probability == pytest.approx(PRIOR)
    silent = evidence(sim_swap="timeout", location="unsupported")
    assert challenge(table(), PRIOR, silent).probability == pytest.approx(PRIOR)

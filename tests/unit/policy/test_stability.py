"""One API is gone for everybody: how many decisions change, and which way (scoring.md, section 12)."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from broker.domain.decision import ActionClass, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName, Unavailability, Unavailable
from broker.policy.what_if import WhatIf
from tests.unit.policy.kit import NOW, shipped, table
from tests.unit.policy.population import people

PEOPLE, CHANGED_MAX = 500, 0.05
USUAL, HALF = 0.002, 0.5
# What a class requires by itself: without it nothing is allowed, and that is meant.
REQUIRED = {ActionClass.MEDIUM: {SignalName.SIM_SWAP}, ActionClass.HIGH: set[SignalName]()}


class Loss(NamedTuple):
    """One person's decision with all answers and without one; ``nats`` is what the lost answer weighed."""

    lost: SignalName
    before: Outcome
    after: Outcome
    nats: float


def losses(policy: str, action_class: ActionClass, attacks: float) -> Iterator[Loss]:
    document = shipped()[policy]
    rules = document.rules(action_class)
    for person in people(table(), PEOPLE, attacks=attacks, seed=3):
        what_if = WhatIf(table(), document, rules, NOW)
        seen = Evidence.of(one for one in person.truth.signals if one.name in rules.wanted)
        whole, weighed = what_if.suppose(seen), what_if.assess(seen)
        nats = {one.signal: one.nats for one in weighed.contributions}
        for lost in rules.wanted:
            less = what_if.suppose(seen, [Unavailable(lost, Unavailability.TIMEOUT)])
            yield Loss(lost, whole.outcome, less.outcome, nats[lost])


@pytest.mark.parametrize("action_class", REQUIRED)
def test_few_decisions_change_where_one_api_answers_nobody(action_class: ActionClass) -> None:
    changed = Counter(one.lost for one in losses("payment", action_class, USUAL) if one.after is not one.before)
    assert {name for name, count in changed.items() if count > CHANGED_MAX * PEOPLE} == REQUIRED[action_class]


@pytest.mark.parametrize(
    ("policy", "action_class"), [("payment", ActionClass.HIGH), ("sim-order", ActionClass.CRITICAL)]
)
def test_where_it_matters_a_loss_allows_nobody_and_loosens_only_what_it_had_tightened(
    policy: str, action_class: ActionClass
) -> None:
    """Of people of whom half are under attack: an answer that accused is gone with its operator, and proof is asked."""
    looser = [one for one in losses(policy, action_class, HALF) if one.after < one.before]
    assert looser
    assert min(one.nats for one in looser) > 0.0
    assert min(one.after for one in looser) is Outcome.STEP_UP

"""What would have changed a decision: always true when tried, and never larger than it need be."""

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings

from broker.domain.decision import ActionClass, Counterfactual, Outcome
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy import extremes
from broker.policy.counterfactual import counterfactual
from broker.policy.what_if import WhatIf
from tests.unit.policy.kit import NOW, all_classes, evidence, table
from tests.unit.policy.laws import Setting, any_evidence, settings_

LOW, MEDIUM, HIGH, CRITICAL = ActionClass


def found(setting: Setting, seen: Evidence) -> Counterfactual | None:
    rules = setting.document.rules(setting.action_class)
    what_if = WhatIf(setting.table, setting.document, rules, NOW)
    assessment, decision = setting.run(seen)
    return counterfactual(what_if, seen, assessment, decision)


def cleaned(setting: Setting, seen: Evidence, names: tuple[SignalName, ...]) -> Outcome:
    return setting.run(extremes.replaced(seen, (extremes.clean(name, NOW) for name in names)))[1].outcome


def holds(setting: Setting, seen: Evidence) -> None:
    _, decision = setting.run(seen)
    instead = found(setting, seen)
    wanted = setting.document.rules(setting.action_class).wanted
    names = sorted({*wanted, *(one.name for one in seen.signals)})
    if instead is None:
        assert decision.outcome is Outcome.ALLOW or cleaned(setting, seen, tuple(names)) >= decision.outcome
        return
    assert cleaned(setting, seen, instead.signals) is instead.outcome
    assert instead.outcome < decision.outcome
    for smaller in combinations(names, len(instead.signals) - 1):
        assert cleaned(setting, seen, smaller) >= decision.outcome


def run(examples: int) -> None:
    tried = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    tried(given(setting=settings_, seen=any_evidence)(holds))()


def test_it_is_true_and_the_smallest() -> None:
    run(60)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_it_is_true_and_the_smallest_at_length() -> None:
    run(10_000)


@pytest.mark.parametrize(
    ("words", "action_class", "signals", "outcome"),
    [
        ({"sim_swap": "2d", "location": "inside"}, MEDIUM, ["sim_swap"], Outcome.ALLOW),
        ({"sim_swap": "400d", "location": "outside"}, MEDIUM, ["location"], Outcome.ALLOW),
        ({"sim_swap": "timeout", "location": "inside"}, MEDIUM, ["sim_swap"], Outcome.ALLOW),
    ],
)
def test_names_what_stood_in_the_way(
    words: dict[str, str], action_class: ActionClass, signals: list[str], outcome: Outcome
) -> None:
    instead = found(Setting(table(), all_classes(), action_class), evidence(**words))
    assert instead is not None
    assert ([name.value for name in instead.signals], instead.outcome) == (signals, outcome)


def test_an_allow_needs_none_and_a_sensitive_action_has_none() -> None:
    clean = {"sim_swap": "400d", "device_swap": "400d", "number_verification": "match", "location": "inside"}
    assert found(Setting(table(), all_classes(), MEDIUM), evidence(**clean)) is None
    spotless = evidence(**clean, call_forwarding="inactive")
    assert found(Setting(table(), all_classes(), CRITICAL), spotless) is None

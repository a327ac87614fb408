"""Simulated operators are asked as the broker asks: in waves while there is time, and everything when there is not."""

from decimal import Decimal

import pytest

from broker.domain.cost import Tariff
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName, Unavailability, Unavailable
from broker.policy import extremes
from broker.policy.waves import WaveMemory, WavePlanner
from broker.policy.what_if import WhatIf
from broker.simulation.asking import Asker, Told
from broker.simulation.network import Answer
from tests.unit.policy.kit import NOW, shipped, table

SIM, DEVICE, PLACE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.LOCATION
POSSESSION, RECYCLING, TENURE = SignalName.NUMBER_VERIFICATION, SignalName.NUMBER_RECYCLING, SignalName.KYC_TENURE
EVERYTHING = (SIM, DEVICE, PLACE, POSSESSION, RECYCLING, TENURE)
WITHIN_MS = 1000.0


def clean(after_ms: float = 100.0, **slower: float) -> dict[SignalName, Answer]:
    """Everything that a large payment wants, clean, each after its time."""
    return {name: Answer(extremes.clean(name, NOW), slower.get(name, after_ms)) for name in EVERYTHING}


def told(
    answers: dict[SignalName, Answer], *, action_class: ActionClass = ActionClass.MEDIUM, typical_ms: float = 150.0
) -> Told:
    document = shipped()["payment"]
    rules = document.rules(action_class)
    wanted = {name: one for name, one in answers.items() if name in rules.wanted}
    tariffs = dict.fromkeys(wanted, Tariff(Decimal("0.02"), "EUR", typical_ms))
    planner = WavePlanner(table(), rules, WhatIf(table(), document, rules, NOW), tariffs, NOW)
    return Asker(WaveMemory(), WITHIN_MS).in_waves((), wanted, planner, tariffs)


def skipped(evidence: Evidence) -> set[SignalName]:
    return {
        one.name for one in evidence.signals if isinstance(one, Unavailable) and one.reason is Unavailability.SKIPPED
    }


def test_what_cannot_change_the_decision_is_not_asked() -> None:
    found = told(clean())
    assert found.waves == 1
    assert found.asked
    assert found.asked | skipped(found.evidence) == {one.name for one in found.evidence.signals}
    assert skipped(found.evidence)


def test_an_unusual_answer_leads_to_a_second_wave_after_the_first() -> None:
    """A SIM that is young may be a new subscription: how long the line has been somebody's is asked now."""
    young = {**clean(), SIM: Answer(extremes.supposed(SIM, "14d", NOW), 130.0)}
    found = told(young, action_class=ActionClass.HIGH)
    assert (found.waves, found.took_ms) == (2, 230.0)
    assert found.asked - told(clean(), action_class=ActionClass.HIGH).asked == {TENURE}


def test_where_a_first_wave_keeps_us_waiting_the_rest_is_asked_beside_it() -> None:
    found = told(clean(sim_swap=400.0))
    assert found.waves == 1
    assert not skipped(found.evidence)
    assert found.took_ms == 400.0  # the rest went out after twice its typical time, at 300


@pytest.mark.parametrize("typical_ms", [251.0, 900.0])
def test_without_time_for_two_waves_there_is_one_of_everything(typical_ms: float) -> None:
    found = told(clean(), typical_ms=typical_ms)
    assert not skipped(found.evidence)


def test_what_comes_after_the_deadline_is_late_and_the_wait_ends_there() -> None:
    found = told(clean(sim_swap=5_000.0))
    assert found.evidence.get(SIM) == Unavailable(SIM, Unavailability.LATE)
    assert found.took_ms == WITHIN_MS


def test_asked_at_once_everything_takes_as_long_as_its_slowest() -> None:
    found = Asker(WaveMemory(), WITHIN_MS).at_once((), clean(location=250.0))
    assert (found.waves, found.took_ms, len(found.asked)) == (1, 250.0, len(EVERYTHING))


def test_who_knows_everything_already_asks_nobody() -> None:
    known = [one.signal for one in clean().values()]
    found = Asker(WaveMemory(), WITHIN_MS).at_once(known, {})
    assert (found.waves, found.asked, found.took_ms) == (0, frozenset(), 0.0)

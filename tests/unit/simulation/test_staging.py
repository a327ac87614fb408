"""A simulated line as the pretend operator's: the same truth told in events, or refused where no line has it."""

from datetime import date, timedelta
from typing import Any

import pytest

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Outcome
from broker.domain.signal import (
    AgeRange,
    Observed,
    SignalName,
    Source,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy import extremes
from broker.simulation.lives import DAY_S, Episode
from broker.simulation.network import EPOCH, Answer, Line
from broker.simulation.parameters import Operator
from broker.simulation.play import Scene
from broker.simulation.staging import SOMEBODY_ELSE, NoSuchLine, bound_since, staged
from broker.simulation.traffic import Behaviour, Question

AT_S = 5 * DAY_S
NOW = EPOCH + timedelta(seconds=AT_S)
SIM, DEVICE, TENURE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP, SignalName.KYC_TENURE
OPERATOR = Operator.model_validate(
    {"name": "one", "country": "ES", "share": 1.0, "latency_ms": 90.0, "reads": "date", "answers": {}}
)


def scene(**told: Answer | str | float | AgeRange | Unavailability) -> Scene:
    """By signal: a state of the table, an age in seconds, an age range, a reason for nothing, or an answer."""
    answers = {SignalName(name): _answer(SignalName(name), one) for name, one in told.items()}
    question = Question(
        AT_S,
        1,
        0,
        OPERATOR,
        Line(Episode("steady", 0.0, {}, {})),
        Action("sim.order", None, None, {}),
        attack=False,
        behaviour=Behaviour.ONCE,
        weight=1.0,
    )
    return Scene(question, answers, ActionClass.CRITICAL, Outcome.REVIEW)


def _answer(name: SignalName, told: Answer | str | float | AgeRange | Unavailability) -> Answer:
    if isinstance(told, Answer):
        return told
    if isinstance(told, Unavailability):
        return Answer(Unavailable(name, told), 0.0)
    value: Value = told if isinstance(told, AgeRange) else _value(name, told)
    return Answer(Observed(name, value, NOW, Source("one", name.value, "1")), 123.4)


def _value(name: SignalName, told: str | float) -> Value:
    return AgeRange(told, told) if isinstance(told, float) else extremes.supposed(name, told, NOW).value


def events(found: Scene) -> dict[str, dict[str, Any]]:
    """The last event of each kind."""
    return {one["event"]["type"]: one | one["event"] for one in staged(found).subscriber["events"]}


def test_dates_become_events_of_that_age() -> None:
    found = events(scene(sim_swap=3600.0, device_swap=2 * DAY_S))
    assert found["sim_change"]["agoS"] == 3600.0
    assert found["device_change"]["agoS"] == 2 * DAY_S


def test_events_come_oldest_first() -> None:
    ages = [one["agoS"] for one in staged(scene(sim_swap=3600.0, kyc_tenure="long")).subscriber["events"]]
    assert ages == sorted(ages, reverse=True)


def test_a_session_from_another_phone() -> None:
    assert staged(scene(number_verification="mismatch")).subscriber["simNumber"] == SOMEBODY_ELSE
    assert "simNumber" not in staged(scene(number_verification="match")).subscriber


def test_without_a_session_there_is_nothing_to_prove() -> None:
    assert not staged(scene(number_verification=Unavailability.NOT_APPLICABLE)).proves
    assert staged(scene(number_verification="match")).proves


def test_a_refused_consent_is_not_recorded() -> None:
    ready = staged(scene(location=Unavailability.NOT_PERMITTED, kyc_match="high"))
    assert ready.consents == ("kyc_match",)
    assert "location-verification" not in ready.faults


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        (Unavailability.OPERATOR_ERROR, {"type": "status", "status": 503}),
        (Unavailability.TIMEOUT, {"type": "hang", "maxMs": 5000}),
    ],
)
def test_trouble_is_trouble_on_the_wire(reason: Unavailability, fault: dict[str, Any]) -> None:
    assert staged(scene(sim_swap=reason)).faults == {"sim-swap": fault}


def test_answers_take_the_time_that_they_took() -> None:
    assert staged(scene(sim_swap=3600.0)).faults == {"sim-swap": {"type": "latency", "delayMs": 123}}


def test_the_day_of_the_binding_is_the_day_that_tenure_was_asked_about() -> None:
    today = date(2030, 5, 1)
    assert bound_since(staged(scene(kyc_tenure="settled")), today) == today - timedelta(days=400)


def test_a_young_contract_comes_with_its_sim() -> None:
    found = events(scene(sim_swap=2 * DAY_S, kyc_tenure="young"))
    assert (found["sim_change"]["cause"], found["sim_change"]["agoS"]) == ("port_in", 2 * DAY_S)


def test_another_holder_comes_before_what_changed_since() -> None:
    found = events(scene(sim_swap=DAY_S, device_swap=3 * DAY_S, number_recycling="recycled"))
    assert found["ownership_change"]["agoS"] >= found["device_change"]["agoS"] > found["sim_change"]["agoS"]


def test_a_window_without_a_change_is_all_that_its_operator_tells() -> None:
    assert staged(scene(sim_swap=AgeRange(10 * DAY_S, None))).subscriber["retention"] == {"hours": 240}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"sim_swap": AgeRange(0.0, DAY_S)}, "a change within a window"),
        ({"sim_swap": 400 * DAY_S, "kyc_tenure": "young"}, "a new contract on an older SIM"),
        ({"kyc_tenure": "long", "number_recycling": "recycled"}, "another holder, and an unbroken contract"),
    ],
)
def test_what_no_line_can_show_is_said(told: dict[str, Any], why: str) -> None:
    with pytest.raises(NoSuchLine, match=why):
        staged(scene(**told))

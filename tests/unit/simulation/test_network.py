"""What operators say: windows, dates, lies, silence. Missing is typed and never clean."""

from random import Random
from typing import Any

import pytest

from broker.domain.signal import AgeRange, Match, Observed, SignalName, Unavailability, Unavailable
from broker.simulation.lives import DAY_S, Episode
from broker.simulation.network import Line, Network
from broker.simulation.parameters import Operator

SIM, LOCATION, POSSESSION = SignalName.SIM_SWAP, SignalName.LOCATION, SignalName.NUMBER_VERIFICATION
HOUR_S = 3600.0


def network(**changes: Any) -> Network:
    """One that answers everything at once, with these changes."""
    answers = dict.fromkeys((SIM, LOCATION, POSSESSION), 1.0)
    told = {"name": "one", "country": "ES", "share": 1.0, "latency_ms": 1.0, "reads": "date", "answers": answers}
    return Network(Operator.model_validate(told | changes), 30, Random(1))


def line(age_s: float = 0.0, **changes: Any) -> Line:
    episode = Episode("sim_takeover", 0.0, {SIM: -age_s}, {LOCATION: "outside", POSSESSION: "mismatch"})
    return Line(episode, **changes)


@pytest.mark.parametrize(
    ("reads", "age_s", "said", "questions"),
    [
        ("date", 3 * HOUR_S, AgeRange(3 * HOUR_S, 3 * HOUR_S), 1),
        ("window_240h", 3 * HOUR_S, AgeRange(0.0, 24 * HOUR_S), 3),
        ("window_240h", 2 * DAY_S, AgeRange(24 * HOUR_S, 72 * HOUR_S), 3),
        ("window_240h", 5 * DAY_S, AgeRange(72 * HOUR_S, 168 * HOUR_S), 3),
        ("window_240h", 9 * DAY_S, AgeRange(168 * HOUR_S, 240 * HOUR_S), 3),
        ("window_240h", 20 * DAY_S, AgeRange(240 * HOUR_S, None), 1),
        ("window_72h", 2 * DAY_S, AgeRange(24 * HOUR_S, 72 * HOUR_S), 2),
        ("window_72h", 4 * DAY_S, AgeRange(72 * HOUR_S, None), 1),
    ],
)
def test_ages(reads: str, age_s: float, said: AgeRange, questions: int) -> None:
    """A window that holds a change is cut in halves, as the broker does; each question takes its time and its price."""
    one = network(reads=reads).ask([SIM], line(age_s), 0.0)[SIM]
    assert isinstance(one.signal, Observed)
    assert one.signal.value == said
    assert one.questions == questions
    assert one.signal.latency_ms == one.after_ms


def test_a_liar_says_that_nothing_ever_happens() -> None:
    said = network(lies=True).ask([SIM, POSSESSION], line(HOUR_S), 0.0)
    sim, possession = said[SIM].signal, said[POSSESSION].signal
    assert isinstance(sim, Observed)
    assert isinstance(possession, Observed)
    assert possession.value == Match(matched=True)
    assert isinstance(sim.value, AgeRange)
    assert sim.value.at_least_s > 30 * DAY_S


@pytest.mark.parametrize(
    ("operator", "asked_of", "name", "reason"),
    [
        ({"answers": {}}, {}, SIM, Unavailability.UNSUPPORTED),
        ({"answers": {SIM: 0.0}}, {}, SIM, Unavailability.OPERATOR_ERROR),
        ({"answers": {POSSESSION: 0.0}}, {}, POSSESSION, Unavailability.NOT_APPLICABLE),
        ({"outages": 1000, "outage_h": 100.0}, {}, SIM, Unavailability.TIMEOUT),
        ({}, {"refused": frozenset({LOCATION})}, LOCATION, Unavailability.NOT_PERMITTED),
        ({}, {"suppressed": 1.0}, LOCATION, Unavailability.NOT_APPLICABLE),
    ],
)
def test_silence_has_a_reason(
    operator: dict[str, Any], asked_of: dict[str, Any], name: SignalName, reason: Unavailability
) -> None:
    answer = network(**operator).ask([name], line(**asked_of), 15 * DAY_S)[name].signal
    assert isinstance(answer, Unavailable)
    assert answer.reason is reason


def test_nobody_can_keep_the_change_of_sim_away() -> None:
    answer = network().ask([SIM], line(HOUR_S, suppressed=1.0), 0.0)[SIM].signal
    assert isinstance(answer, Observed)


def test_who_answers_too_late_is_given_up() -> None:
    """The broker waits no longer than for an attempt."""
    one = network(latency_ms=5_000.0, spread=0.01).ask([SIM], line(), 0.0)[SIM]
    assert isinstance(one.signal, Unavailable)
    assert (one.signal.reason, one.after_ms) == (Unavailability.TIMEOUT, 1200.0)

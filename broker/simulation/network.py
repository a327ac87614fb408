"""What operators make of the truth: what they offer, how fast they are, what they say, and when they say nothing."""

import math
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Source, Unavailability, Unavailable, Value
from broker.policy import extremes
from broker.simulation.lives import DAY_S, Episode
from broker.simulation.parameters import Operator

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Second 0 of every world."""

_HOUR_S = 3600.0
_WINDOWS_S = {"window_240h": 240 * _HOUR_S, "window_72h": 72 * _HOUR_S}
# Where the broker cuts a window that holds a change (``adapter_kit/camara/swap.py``).
_STEPS_S = (24 * _HOUR_S, 72 * _HOUR_S, 168 * _HOUR_S)
_AT_ONCE = frozenset({Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED})
_CUT_OFF_MS = 1200.0
"""When the broker gives an attempt up (``attempt_timeout_ms``)."""
_WITHIN_REACH_OF_ATTACKERS = frozenset({SignalName.LOCATION, SignalName.NUMBER_VERIFICATION})


class Line(msgspec.Struct, frozen=True):
    """Whom an operator is asked about: the truth, which consents are refused, and what an attacker does to answers."""

    episode: Episode
    refused: frozenset[SignalName] = frozenset()
    suppressed: float = 0.0


class Answer(NamedTuple):
    """What is said of one signal, after how long, and how many questions it took, each of which is billed."""

    signal: Signal
    after_ms: float
    questions: int = 1


class Network:
    """One operator for the whole time.

    Args:
        operator: its parameters.
        days: how long the world runs.
        random: its own source of chance.
    """

    def __init__(self, operator: Operator, days: int, random: Random) -> None:
        self.operator = operator
        self._random = random
        self._outages = sorted(random.uniform(0.0, days * DAY_S) for _ in range(operator.outages))

    def ask(self, names: Collection[SignalName], line: Line, at_s: float) -> dict[SignalName, Answer]:
        """One answer, or the reason for none, for each name: what comes whenever and however it is asked."""
        down = any(start <= at_s < start + self.operator.outage_h * _HOUR_S for start in self._outages)
        return {name: self._answer(name, line, at_s, down=down) for name in sorted(names)}

    def _answer(self, name: SignalName, line: Line, at_s: float, *, down: bool) -> Answer:
        missing = self._missing(name, line, down=down)
        if missing is not None and missing in _AT_ONCE:
            return Answer(Unavailable(name, missing), 0.0)
        if missing is Unavailability.TIMEOUT:
            return Answer(Unavailable(name, missing), _CUT_OFF_MS)
        after_ms = self.operator.latency_ms * math.exp(self._random.gauss(0.0, self.operator.spread))
        if after_ms > _CUT_OFF_MS:
            return Answer(Unavailable(name, Unavailability.TIMEOUT), _CUT_OFF_MS)
        if missing is not None:
            return Answer(Unavailable(name, missing), after_ms)
        source = Source(self.operator.name, name.value, "1")
        instant = EPOCH + timedelta(seconds=at_s)
        said, questions = self._said(name, line.episode, at_s)
        return Answer(
            Observed(name, said, instant, source, latency_ms=after_ms * questions), after_ms * questions, questions
        )

    def _missing(self, name: SignalName, line: Line, *, down: bool) -> Unavailability | None:
        if name not in self.operator.answers:
            return Unavailability.UNSUPPORTED
        if name in line.refused:
            return Unavailability.NOT_PERMITTED
        if down:
            return Unavailability.TIMEOUT
        if name in _WITHIN_REACH_OF_ATTACKERS and self._random.random() < line.suppressed:
            return Unavailability.NOT_APPLICABLE
        if self._random.random() >= self.operator.answers[name]:
            # Possession is proven by the caller's session: without one there is nobody to ask.
            ours = name is SignalName.NUMBER_VERIFICATION
            return Unavailability.NOT_APPLICABLE if ours else Unavailability.OPERATOR_ERROR
        return None

    def _said(self, name: SignalName, episode: Episode, at_s: float) -> tuple[Value, int]:
        """What is said in the end, and in how many answers."""
        if name in episode.changed_at_s:
            age_s = 3650 * DAY_S if self.operator.lies else episode.age_s(name, at_s)
            window_s = _WINDOWS_S.get(self.operator.reads)
            return (AgeRange(age_s, age_s), 1) if window_s is None else _windowed(age_s, window_s)
        instant = EPOCH + timedelta(seconds=at_s)
        if self.operator.lies:
            return extremes.clean(name, instant).value, 1
        return extremes.supposed(name, episode.states[name], instant).value, 1


def _windowed(age_s: float, window_s: float) -> tuple[AgeRange, int]:
    """An age as the broker learns it from yes and no: the whole window first, then halves of what holds the change."""
    if age_s > window_s:
        return AgeRange(window_s, None), 1
    low_s, high_s, questions = 0.0, window_s, 1
    steps = [step for step in _STEPS_S if step < window_s]
    while steps:
        middle = len(steps) // 2
        questions += 1
        if age_s <= steps[middle]:
            high_s, steps = steps[middle], steps[:middle]
        else:
            low_s, steps = steps[middle], steps[middle + 1 :]
    return AgeRange(low_s, high_s), questions

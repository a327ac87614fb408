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
    """What is said of one signal, and after how long."""

    signal: Signal
    after_ms: float


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
        if missing is not None:
            return Answer(Unavailable(name, missing), after_ms)
        source = Source(self.operator.name, name.value, "1")
        instant = EPOCH + timedelta(seconds=at_s)
        said = self._said(name, line.episode, at_s)
        return Answer(Observed(name, said, instant, source, latency_ms=after_ms), after_ms)

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

    def _said(self, name: SignalName, episode: Episode, at_s: float) -> Value:
        if name in episode.changed_at_s:
            age_s = 3650 * DAY_S if self.operator.lies else episode.age_s(name, at_s)
            return self._age(age_s)
        instant = EPOCH + timedelta(seconds=at_s)
        if self.operator.lies:
            return extremes.clean(name, instant).value
        return extremes.supposed(name, episode.states[name], instant).value

    def _age(self, age_s: float) -> AgeRange:
        window_s = _WINDOWS_S.get(self.operator.reads)
        if window_s is None:
            return AgeRange(age_s, age_s)
        return AgeRange(0.0, window_s) if age_s <= window_s else AgeRange(window_s, None)

"""Ask simulated operators as the broker does: in waves, with patience, and never beyond the deadline."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from broker.domain.cost import Tariff
from broker.domain.evidence import Evidence
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.policy.patience import has_room, patience_s
from broker.policy.waves import WaveMemory, WavePlanner
from broker.simulation.network import Answer

Answers = Mapping[SignalName, Answer]
"""What would be said of each signal that can be asked."""


class Told(NamedTuple):
    """Everything that a check knows in the end; which signals were asked for, in how many waves, in what time."""

    evidence: Evidence
    asked: frozenset[SignalName]
    waves: int
    took_ms: float


class Asker:
    """Asks for one check after the other.

    Args:
        memory: of waves, as a broker keeps it.
        within_ms: how long a check may ask; what comes later is late.
    """

    def __init__(self, memory: WaveMemory, within_ms: float) -> None:
        self._memory = memory
        self._within_ms = within_ms

    def at_once(self, known: Sequence[Signal], answers: Answers) -> Told:
        """Ask for everything at the same time."""
        signals, took_ms = self._heard(answers, answers, 0.0)
        return Told(Evidence.of([*known, *signals]), frozenset(answers), 1 if answers else 0, took_ms)

    def in_waves(
        self, known: Sequence[Signal], answers: Answers, planner: WavePlanner, tariffs: Mapping[SignalName, Tariff]
    ) -> Told:
        """Ask for what the planner wants, look again, and stop when nothing could change the decision."""
        signals, open_ = list(known), set(answers)
        waves, now_ms = 0, 0.0
        while open_:
            wave = self._memory.next(planner, Evidence.of(signals), frozenset(open_))
            if not wave.ask:
                signals += wave.left
                break
            left_s = (self._within_ms - now_ms) / 1000.0
            first = set(wave.ask) if has_room(left_s, wave.ask, tariffs) else open_
            heard, after_ms = self._heard(first, answers, now_ms)
            patience_ms = 1000.0 * patience_s(first, tariffs)
            if (rest := open_ - first) and after_ms - now_ms > patience_ms:
                more, at_ms = self._heard(rest, answers, now_ms + patience_ms)
                heard, after_ms, first = [*heard, *more], max(after_ms, at_ms), open_
            signals += heard
            open_ = open_ - first
            now_ms, waves = after_ms, waves + 1
        return Told(Evidence.of(signals), frozenset(set(answers) - open_), waves, now_ms)

    def _heard(self, names: Collection[SignalName], answers: Answers, from_ms: float) -> tuple[list[Signal], float]:
        """What these say when they are asked at ``from_ms``, and when the last of it is there."""
        signals: list[Signal] = []
        end_ms = from_ms
        for name in sorted(names):
            signal, after_ms = answers[name].signal, answers[name].after_ms
            if from_ms + after_ms > self._within_ms:
                signal, after_ms = Unavailable(name, Unavailability.LATE), self._within_ms - from_ms
            signals.append(signal)
            end_ms = max(end_ms, from_ms + after_ms)
        return signals, end_ms

"""Stop asking an operator's API that fails, look again now and then, and doubt ourselves when everybody fails."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from random import Random

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.codes import KitCode
from broker.clock import Clock
from broker.domain.instrument import Category
from broker.domain.signal import Unavailability
from broker.operators.guards.base import Guard, Passage, Refuse, T
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.rolling import Rolling
from broker.operators.guards.verdicts import failed

# A timer of the event loop may fire this much early.
_EARLY_S = 0.02


class BreakerState(StrEnum):
    """Closed lets calls through; open refuses; half-open waits for one probe's answer."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class EgressWatch:
    """Is it us? Suspects our own way out when operators fail together. One instance serves all of a process.

    ``places`` says which contracts are with one operator: when it fails they fail together, and it is not us.
    """

    def __init__(self, operators: int, window_s: float, places: Mapping[str, str] | None = None) -> None:
        self._operators = operators
        self._places = places or {}
        self._window_s = window_s
        self._opened_s: dict[str, float] = {}
        self._suspect = False

    @property
    def suspect(self) -> bool:
        """Whether more than half of all operators, and at least two, opened together and none has answered since."""
        return self._suspect

    def opened(self, operator: str, now_s: float) -> None:
        """Note that a breaker of this operator opened."""
        self._opened_s[self._places.get(operator, operator)] = now_s
        lately = sum(now_s - at_s <= self._window_s for at_s in self._opened_s.values())
        self._suspect |= lately > 1 and lately * 2 > self._operators

    def closed(self, operator: str) -> None:
        """Note that this operator answers again: our way out leads somewhere."""
        self._opened_s.pop(self._places.get(operator, operator), None)
        self._suspect = False


class _Circuit:
    """The breaker of one API."""

    def __init__(self, limits: GuardLimits) -> None:
        self.in_row = 0
        self.recent = Rolling(limits.breaker_window_s)
        self.state = BreakerState.CLOSED
        self.times_open = 0
        self.until_s = 0.0
        self.forget_s = 0.0


class Breaker(Guard):
    """One circuit for each signal and instrument of the operator inside; what is refused is *breaker_open*.

    ``needed_s`` says how long a call to an API may take: whoever gives one up earlier tells nothing about the operator.
    """

    def __init__(
        self,
        inner: Adapter,
        limits: GuardLimits,
        clock: Clock,
        random: Random,
        watch: EgressWatch,
        needed_s: Callable[[Category], float],
    ) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._random = random
        self._watch = watch
        self._needed_s = needed_s
        self._patience_s = max(0.0, limits.attempt_min_ms / 1000 - _EARLY_S)
        self._circuits: dict[Category, _Circuit] = {}

    def state(self, name: Category) -> BreakerState:
        """How the circuit of one API stands."""
        circuit = self._circuits.get(name)
        return BreakerState.CLOSED if circuit is None else circuit.state

    async def _pass(self, passage: Passage, ask: Callable[[], Awaitable[T]], refuse: Refuse[T]) -> T:
        """Ask, unless the circuit is open; half-open, exactly one question goes through."""
        circuit = self._circuits.get(passage.name) or self._circuits.setdefault(passage.name, _Circuit(self._limits))
        started_s = self._clock.monotonic_s()
        probing = circuit.state is not BreakerState.CLOSED
        if probing:
            if circuit.state is BreakerState.HALF_OPEN or started_s < circuit.until_s:
                return refuse(Unavailability.BREAKER_OPEN, KitCode.BREAKER_OPEN)
            circuit.state = BreakerState.HALF_OPEN
        verdict: bool | None = None
        try:
            answer = await ask()
            verdict = failed(answer, self._clock.monotonic_s() - started_s, self._patience_s)
        except asyncio.CancelledError:
            verdict = self._given_up(passage, started_s)
            raise
        finally:
            self._judge(circuit, verdict, probing=probing)
        return answer

    def _given_up(self, passage: Passage, started_s: float) -> bool | None:
        """Cancelled at its deadline, a question met a slow operator; cancelled before, it tells nothing."""
        now_s = self._clock.monotonic_s()
        late = now_s >= passage.deadline_s - _EARLY_S
        return True if late and now_s - started_s >= self._needed_s(passage.name) - _EARLY_S else None

    def _judge(self, circuit: _Circuit, verdict: bool | None, *, probing: bool) -> None:
        now_s = self._clock.monotonic_s()
        if circuit.state is BreakerState.CLOSED:
            if verdict is not None:
                self._count(circuit, now_s, failure=verdict)
        elif not probing:
            return  # an answer to a question from before the circuit opened
        elif verdict is None:
            circuit.state = BreakerState.OPEN  # the probe met nobody; the next question may be one
        elif verdict:
            self._open(circuit, now_s)
        else:
            self._close(circuit, now_s)

    def _count(self, circuit: _Circuit, now_s: float, *, failure: bool) -> None:
        circuit.recent.add(now_s, calls=1, marked=int(failure))
        if not failure:
            circuit.in_row = 0
            return
        circuit.in_row += 1
        recent, limits = circuit.recent, self._limits
        often = recent.calls >= limits.breaker_calls_min and recent.marked >= (
            limits.breaker_failure_share * recent.calls
        )
        if often or circuit.in_row >= limits.breaker_failures_in_row:
            self._open(circuit, now_s)

    def _open(self, circuit: _Circuit, now_s: float) -> None:
        self._watch.opened(self.operator, now_s)
        # A probe that failed waits no longer than the one before, so that an operator is heard soon after it recovered;
        # one that keeps opening is asked ever more seldom.
        if circuit.state is BreakerState.CLOSED:
            if now_s >= circuit.forget_s:
                circuit.times_open = 0
            # When most operators fail at once the fault is probably ours, and waiting longer would only prolong it.
            circuit.times_open = max(1, circuit.times_open) if self._watch.suspect else circuit.times_open + 1
        span_s = min(self._limits.breaker_open_s * circuit.times_open, self._limits.breaker_open_max_s)
        jitter = self._limits.breaker_jitter_share
        circuit.until_s = now_s + span_s * self._random.uniform(1 - jitter, 1 + jitter)
        circuit.state = BreakerState.OPEN

    def _close(self, circuit: _Circuit, now_s: float) -> None:
        self._watch.closed(self.operator)
        circuit.state = BreakerState.CLOSED
        circuit.in_row = 0
        circuit.recent.clear()
        # An operator that flaps keeps its count until it has stayed well for as long as it was last shut out.
        circuit.forget_s = now_s + min(
            self._limits.breaker_open_s * circuit.times_open, self._limits.breaker_open_max_s
        )

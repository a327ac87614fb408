"""Do what an operator asks that says "too many requests": ask nothing of that API for a while."""

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.clock import Clock
from broker.domain.signal import Observed, Signal, SignalName, Unavailability
from broker.operators.guards.base import Guard
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.verdicts import THROTTLED


class _Pause:
    def __init__(self) -> None:
        self.in_row = 0
        self.until_s = 0.0


class Throttle(Guard):
    """Pauses one API after a 429, twice as long after each further one. A signal has no Retry-After to go by."""

    def __init__(self, inner: Adapter, limits: GuardLimits, clock: Clock) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._pauses: dict[SignalName, _Pause] = {}

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, or answer as the operator did while its pause lasts."""
        pause = self._pauses.get(query.signal)
        if pause is not None and self._clock.monotonic_s() < pause.until_s:
            return self._refusal(query.signal, Unavailability.OPERATOR_ERROR, THROTTLED)
        answer = await self._inner.observe(query)
        if isinstance(answer, Observed):
            if pause is not None:
                self._pauses.pop(query.signal, None)
        elif answer.code == THROTTLED:
            self._pause(query.signal)
        return answer

    def _pause(self, name: SignalName) -> None:
        pause = self._pauses.setdefault(name, _Pause())
        now_s = self._clock.monotonic_s()
        if now_s < pause.until_s:
            return  # answers to questions that were under way together are one request to slow down
        # The exponent is bounded, for two to the power of a counter is a number of any size.
        pause_ms = self._limits.throttle_pause_ms * 2 ** min(pause.in_row, 16)
        pause.in_row += 1
        pause.until_s = now_s + min(pause_ms, self._limits.throttle_pause_max_ms) / 1000

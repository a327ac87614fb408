"""Do what an operator asks that says "too many requests" or "quota used up": ask nothing of that API for a while."""

from collections.abc import Awaitable, Callable

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.instruments import Refused
from broker.clock import Clock
from broker.domain.instrument import Category
from broker.domain.signal import Unavailability, Unavailable
from broker.operators.guards.base import Guard, Passage, Refuse, T
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.verdicts import QUOTA_USED_UP, THROTTLED


class _Pause:
    def __init__(self) -> None:
        self.in_row = 0
        self.until_s = 0.0
        self.code = THROTTLED


class Throttle(Guard):
    """Pauses one API after a 429: for as long as ``Retry-After`` says, else twice as long after each further one.

    A used-up quota does not come back in a second, so its pause is longer from the start.
    """

    def __init__(self, inner: Adapter, limits: GuardLimits, clock: Clock) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._pauses: dict[Category, _Pause] = {}

    async def _pass(self, passage: Passage, ask: Callable[[], Awaitable[T]], refuse: Refuse[T]) -> T:
        """Ask, or answer as the operator did while its pause lasts."""
        pause = self._pauses.get(passage.name)
        if pause is not None and self._clock.monotonic_s() < pause.until_s:
            return refuse(Unavailability.OPERATOR_ERROR, pause.code)
        answer = await ask()
        if not isinstance(answer, Unavailable | Refused):
            self._forget(passage.name)
        elif answer.code in {THROTTLED, QUOTA_USED_UP}:
            self._pause(passage.name, answer)
        return answer

    def _forget(self, name: Category) -> None:
        """An answer ends the row of refusals, unless it belongs to a question from before the pause."""
        pause = self._pauses.get(name)
        if pause is not None and self._clock.monotonic_s() >= pause.until_s:
            del self._pauses[name]

    def _pause(self, name: Category, refusal: Unavailable | Refused) -> None:
        pause = self._pauses.setdefault(name, _Pause())
        now_s = self._clock.monotonic_s()
        # Answers to questions that were under way together are one request to slow down.
        first = now_s >= pause.until_s
        if refusal.retry_after_s:
            asked_s = min(refusal.retry_after_s, self._limits.pause_asked_max_ms / 1000)
            pause.until_s = max(pause.until_s, now_s + asked_s)
        elif first:
            pause.until_s = now_s + self._own_s(refusal, pause.in_row)
        if first:
            pause.in_row += 1
            pause.code = THROTTLED if refusal.code == THROTTLED else QUOTA_USED_UP

    def _own_s(self, refusal: Unavailable | Refused, in_row: int) -> float:
        limits = self._limits
        if refusal.code == QUOTA_USED_UP:
            return limits.quota_pause_ms / 1000
        # The exponent is bounded, for two to the power of a counter is a number of any size.
        return min(limits.throttle_pause_ms * (1 << min(in_row, 16)), limits.throttle_pause_max_ms) / 1000

"""Ask once more where that can help, and never so often that it hurts an operator in trouble."""

import asyncio
from random import Random

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.clock import Clock
from broker.domain.signal import Signal, SignalName
from broker.operators.guards.base import Guard
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.rolling import Rolling
from broker.operators.guards.verdicts import worth_another


class Retry(Guard):
    """At most one more attempt inside the deadline, within a budget that all APIs of the operator share."""

    def __init__(self, inner: Adapter, limits: GuardLimits, clock: Clock, random: Random) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._random = random
        self._recent = Rolling(limits.retry_window_s)

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, and perhaps once more."""
        self._recent.add(self._clock.monotonic_s(), calls=1)
        answer = await self._inner.observe(query)
        if not worth_another(answer) or single_use(query):
            return answer
        wait_s = self._random.uniform(self._limits.retry_wait_min_ms, self._limits.retry_wait_max_ms) / 1000
        now_s = self._clock.monotonic_s()
        if now_s + wait_s >= query.deadline_s or not self._may_spend(now_s):
            return answer
        await asyncio.sleep(wait_s)
        return await self._inner.observe(query)

    def _may_spend(self, now_s: float) -> bool:
        self._recent.roll(now_s)
        if self._recent.marked >= max(self._limits.retry_floor, int(self._limits.retry_share * self._recent.calls)):
            return False
        self._recent.add(now_s, marked=1)
        return True


def single_use(query: SignalQuery) -> bool:
    """Defensive: such questions carry what an operator honours once; a second use looks like theft."""
    return query.signal is SignalName.NUMBER_VERIFICATION or query.personal

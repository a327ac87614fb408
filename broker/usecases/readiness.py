"""Whether checks can be recorded, asked for by anybody who likes, as often as they like."""

import asyncio
from collections.abc import Awaitable, Callable

from broker.clock import Clock


class Readiness:
    """Probes the database at most once in ``memory_s`` seconds, whoever asks: each probe is a durable write."""

    def __init__(self, probe: Callable[[], Awaitable[None]], clock: Clock, *, memory_s: float = 1.0) -> None:
        self._probe = probe
        self._clock = clock
        self._memory_s = memory_s
        self._probing = asyncio.Lock()
        self._ready = False
        self._until_s = float("-inf")

    async def __call__(self) -> bool:
        """What the last probe found, if it is young enough; else what a new one finds."""
        async with self._probing:
            if self._clock.monotonic_s() >= self._until_s:
                self._ready = await self._found()
                self._until_s = self._clock.monotonic_s() + self._memory_s
            return self._ready

    async def _found(self) -> bool:
        try:
            await self._probe()
        except Exception:  # noqa: BLE001 - whatever is wrong, the answer is "no"
            return False
        return True

"""How many checks run at once: past its peak a process only gets slower, so the rest wait a moment in order of arrival.

A herd that asks about one person is over in a moment, for all but the first find the answers there. A load that stays
is not: whoever has waited for long enough, or would be one too many, is told to come back.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from broker.errors import Overloaded
from broker.usecases.ports import Answered, Asked

_RETRY_AFTER_S = 1


class AdmissionLimits(msgspec.Struct, frozen=True):
    """How many checks may run, how many may wait for that, and how long each of them."""

    in_flight_max: int
    waiting_max: int
    wait_ms: int


class Admission:
    """Stands before :class:`RunCheck` with the same call. Belongs to one event loop."""

    def __init__(self, run_check: Callable[[Asked], Awaitable[Answered]], limits: AdmissionLimits) -> None:
        self._run_check = run_check
        self._limits = limits
        self._places = asyncio.Semaphore(limits.in_flight_max)
        self._waiting = 0

    async def __call__(self, asked: Asked) -> Answered:
        """Run the check, or refuse before anything is started.

        Raises:
            Overloaded: too many are under way, and have been for as long as anybody waits.
        """
        await self._enter()
        try:
            return await self._run_check(asked)
        finally:
            self._places.release()

    async def _enter(self) -> None:
        if not self._places.locked():  # a free place, and nobody who came before waits for it
            await self._places.acquire()
            return
        if self._waiting >= self._limits.waiting_max:
            raise Overloaded("too many checks are under way", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_ms / 1000):
                await self._places.acquire()
        except TimeoutError as error:
            raise Overloaded("too many checks are under way", retry_after_s=_RETRY_AFTER_S) from error
        finally:
            self._waiting -= 1

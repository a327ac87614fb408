"""What was looked up a moment ago: spares a read in the database for each request."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from broker.clock import Clock
from broker.errors import Overloaded

_T = TypeVar("_T")


class MemoryLimits(NamedTuple):
    """How long a good answer is remembered, how many are, and how many look-ups may be under way at once."""

    memory_s: float = 5.0
    entries_max: int = 10_000
    look_ups_max: int = 64


class Memory(Generic[_T]):
    """Remembers answers for a few seconds; that is also how long something revoked may still work on a node.

    Refusals are errors and never remembered. Look-ups have a bound of their own, so that a flood of them leaves the
    store's other readers alone.
    """

    def __init__(self, clock: Clock, limits: MemoryLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._looking_up = 0
        self._remembered: OrderedDict[bytes, tuple[_T, float]] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[_T]] = {}

    async def get(self, key: bytes, look_up: Callable[[], Awaitable[tuple[_T, float]]]) -> _T:
        """The remembered answer, or what ``look_up`` finds, with the seconds that it may be remembered at most.

        Raises:
            Overloaded: too many look-ups are under way.
        """
        known = self._remembered.get(key)
        if known is not None and known[1] > self._clock.monotonic_s():
            return known[0]
        return await asyncio.shield(self._looking.get(key) or self._begin(key, look_up))

    def _begin(self, key: bytes, look_up: Callable[[], Awaitable[tuple[_T, float]]]) -> "asyncio.Task[_T]":
        """One look-up for all who ask at once: its memory ends for all of them in the same moment."""
        task = asyncio.create_task(self._look_up(key, look_up))
        self._looking[key] = task
        task.add_done_callback(lambda done: self._settle(key, done))
        return task

    def _settle(self, key: bytes, done: "asyncio.Task[_T]") -> None:
        self._looking.pop(key, None)
        if not done.cancelled():
            done.exception()  # everybody may have left; asyncio would complain about a lost exception

    async def _look_up(self, key: bytes, look_up: Callable[[], Awaitable[tuple[_T, float]]]) -> _T:
        if self._looking_up >= self._limits.look_ups_max:
            raise Overloaded("too much is being looked up", retry_after_s=1)
        self._looking_up += 1
        try:
            found, memory_s = await look_up()
        finally:
            self._looking_up -= 1
        self._remembered[key] = (found, self._clock.monotonic_s() + min(memory_s, self._limits.memory_s))
        self._remembered.move_to_end(key)
        while len(self._remembered) > self._limits.entries_max:
            self._remembered.popitem(last=False)
        return found

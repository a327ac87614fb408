"""A ceiling on calls under way, for an operator and for each of its APIs, so that a slow one cannot hold everything."""

import asyncio
from collections.abc import Awaitable, Callable

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.codes import KitCode
from broker.clock import Clock
from broker.domain.instrument import Category
from broker.domain.signal import Unavailability
from broker.operators.guards.base import Guard, Passage, Refuse, T
from broker.operators.guards.limits import GuardLimits

_Waiting = tuple[Category, "asyncio.Future[bool]"]


class Bulkhead(Guard):
    """Who finds no room waits for a share of the time that is left, newest first; then it is *operator_error*."""

    def __init__(self, inner: Adapter, limits: GuardLimits, clock: Clock) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._total = 0
        self._in_flight: dict[Category, int] = {}
        self._queue: list[_Waiting] = []

    async def _pass(self, passage: Passage, ask: Callable[[], Awaitable[T]], refuse: Refuse[T]) -> T:
        """Ask as soon as there is room, or say that there was none."""
        name = passage.name
        if self._has_room(name):
            self._enter(name)
        elif not await self._wait(passage):
            return refuse(Unavailability.OPERATOR_ERROR, KitCode.BULKHEAD_FULL)
        try:
            return await ask()
        finally:
            self._leave(name)

    def _has_room(self, name: Category) -> bool:
        return (
            self._total < self._limits.operator_in_flight_max
            and self._in_flight.get(name, 0) < self._limits.api_in_flight_max
        )

    def _enter(self, name: Category) -> None:
        self._total += 1
        self._in_flight[name] = self._in_flight.get(name, 0) + 1

    def _leave(self, name: Category) -> None:
        self._total -= 1
        self._in_flight[name] -= 1
        if self._queue:
            self._admit_newest()

    def _admit_newest(self) -> None:
        """Newest first: whoever waited longest has the least time left to use an answer."""
        for place in range(len(self._queue) - 1, -1, -1):
            name, turn = self._queue[place]
            if turn.done():
                del self._queue[place]
            elif self._has_room(name):
                del self._queue[place]
                self._enter(name)
                turn.set_result(True)
                return

    async def _wait(self, passage: Passage) -> bool:
        """Whether a place was got; it is taken already when this returns true."""
        wait_s = (passage.deadline_s - self._clock.monotonic_s()) * self._limits.queue_wait_share
        if wait_s <= 0 or self._limits.queue_max == 0:
            return False
        if len(self._queue) >= self._limits.queue_max:
            _, oldest = self._queue.pop(0)
            if not oldest.done():
                oldest.set_result(False)
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = (passage.name, turn)
        self._queue.append(entry)
        try:
            await asyncio.wait((turn,), timeout=wait_s)
        except asyncio.CancelledError:
            if turn.done() and turn.result():
                self._leave(passage.name)  # the place came together with the cancellation
            raise
        finally:
            if not turn.done():
                turn.set_result(False)
                self._queue.remove(entry)
        return turn.result()

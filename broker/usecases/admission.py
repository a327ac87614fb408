"""How many checks run at once: past its peak a process only gets slower, so the rest wait a moment.

Whoever asks about somebody new waits for as long as there is time left to ask operators. Whoever asks about somebody
whom others are asking about already finds the answers there, so it may wait until its own could just be recorded: a
herd is over in a moment, a load that stays is not. The two wait in lanes of their own that take turns, so that a herd
of any size costs the others every second place at most.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable

import msgspec

from broker.clock import Clock
from broker.errors import Overloaded
from broker.usecases.ports import Answered, Asked

_RETRY_AFTER_S = 1


class AdmissionLimits(msgspec.Struct, frozen=True):
    """How many checks may run, how many may wait for that, and how long for somebody new; times in milliseconds.

    ``deadline_default_ms`` is a check's where it has none; ``grace_ms`` after it the answer can still be recorded.
    """

    in_flight_max: int
    waiting_max: int
    wait_ms: int
    deadline_default_ms: int
    grace_ms: int


class Admission:
    """Stands before :class:`RunCheck` with the same call. Belongs to one event loop."""

    def __init__(
        self, run_check: Callable[[Asked], Awaitable[Answered]], limits: AdmissionLimits, clock: Clock
    ) -> None:
        self._run_check = run_check
        self._limits = limits
        self._clock = clock
        self._free = limits.in_flight_max
        self._lanes: tuple[deque[asyncio.Future[None]], ...] = (deque(), deque())
        self._turn = 0
        self._waiting = 0
        self._present: Counter[tuple[str, str]] = Counter()

    async def __call__(self, asked: Asked) -> Answered:
        """Run the check, or refuse before anything is started.

        Raises:
            Overloaded: too many are under way, and have been for as long as this one could wait.
        """
        about = asked.principal.tenant, asked.request.subject.phone.e164
        joins = about in self._present
        self._present[about] += 1
        try:
            await self._enter(asked, joins=joins)
            try:
                return await self._run_check(asked)
            finally:
                self._pass_on()
        finally:
            self._present[about] -= 1
            if not self._present[about]:
                del self._present[about]

    async def _enter(self, asked: Asked, *, joins: bool) -> None:
        if self._free:  # none is free while anybody waits
            self._free -= 1
            return
        if self._waiting >= self._limits.waiting_max:
            raise Overloaded("too many checks are under way", retry_after_s=_RETRY_AFTER_S)
        place = asyncio.get_running_loop().create_future()
        self._lanes[joins].append(place)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_s(asked, joins=joins)):
                await place
        except BaseException as error:
            place.cancel()
            if not place.cancelled():  # it was given in the very moment, and goes to whoever is next
                self._pass_on()
            if isinstance(error, TimeoutError):
                raise Overloaded("too many checks are under way", retry_after_s=_RETRY_AFTER_S) from error
            raise
        finally:
            self._waiting -= 1

    def _patience_s(self, asked: Asked, *, joins: bool) -> float:
        limits = self._limits
        deadline_ms = asked.request.deadline_ms or limits.deadline_default_ms
        useful_s = asked.received_s + (deadline_ms + limits.grace_ms) / 1000 - self._clock.monotonic_s()
        return max(0.0, useful_s if joins else min(limits.wait_ms / 1000, useful_s))

    def _pass_on(self) -> None:
        """Give a place that became free to whoever is next, of the lane whose turn it is."""
        for lane in (self._turn, 1 - self._turn):
            while self._lanes[lane]:
                place = self._lanes[lane].popleft()
                if not place.done():
                    place.set_result(None)
                    self._turn = 1 - lane
                    return
        self._free += 1

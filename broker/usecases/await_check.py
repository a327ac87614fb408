"""Wait for a check that a person or a human reviewer has to move on: held until it changes, on whatever node that is.

A change on this node rings at once. One on another node is seen by looking at the database now and then; the more calls
are held, the longer the pauses, so that together they never ask more than a few hundred times a second.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from random import Random

import msgspec

from broker.domain.check import Principal
from broker.domain.record import CheckStatus
from broker.errors import BrokerError, TooManyRequests
from broker.usecases.show_check import ShowCheck, Standings
from broker.usecases.view import CheckView

_RETRY_S = 5
_JITTER_SHARE = 0.2


class WaitLimits(msgspec.Struct, frozen=True):
    """How many calls are held at once on a node, and how often each looks. Times in seconds.

    ``look_s`` is the shortest pause between two looks; ``look_each_s`` of pause is added up for each call that is held.
    """

    held_max: int = 2000
    held_per_consumer_max: int = 500
    look_s: float = 1.0
    look_each_s: float = 0.004
    stream_s: float = 300.0
    beat_s: float = 15.0


class Stirrings:
    """Bells for those who wait on this node, one for each who does."""

    def __init__(self) -> None:
        self._bells: dict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)

    def stir(self, tenant: str, check_id: str) -> None:
        """Something happened to a check: let everybody who waits for it look."""
        for bell in self._bells.get((tenant, check_id), ()):
            bell.set()

    @contextlib.contextmanager
    def listening(self, tenant: str, check_id: str) -> Iterator[asyncio.Event]:
        """A bell that rings for this check, for as long as the block lasts."""
        bell, key = asyncio.Event(), (tenant, check_id)
        self._bells[key].add(bell)
        try:
            yield bell
        finally:
            self._bells[key].discard(bell)
            if not self._bells[key]:
                del self._bells[key]


class AwaitCheck:
    """Holds calls until a check that is pending changes."""

    def __init__(
        self, show: ShowCheck, standings: Standings, stirrings: Stirrings, limits: WaitLimits, random: Random
    ) -> None:
        self._show = show
        self._standings = standings
        self._stirrings = stirrings
        self._limits = limits
        self._random = random
        self._held: Counter[tuple[str, str]] = Counter()

    async def __call__(
        self, principal: Principal, check_id: str, accept_language: str | None, wait_s: float
    ) -> CheckView:
        """The check once it has changed, or as it is after ``wait_s``; at once where nothing is pending.

        Raises:
            NotPermitted, NotFound: as :class:`ShowCheck`.
            TooManyRequests: too many calls are held; read without waiting, or come back.
        """
        shown = await self._show(principal, check_id, accept_language)
        if wait_s <= 0 or shown.status is not CheckStatus.PENDING:
            return shown
        self.require_room(principal)
        with self._holding(principal):
            changed = await self._changed(principal.tenant, check_id, shown.revision, wait_s)
        return await self._show(principal, check_id, accept_language) if changed else shown

    async def changes(
        self, principal: Principal, check_id: str, accept_language: str | None
    ) -> AsyncIterator[CheckView | None]:
        """The check now and each time that it changes, until nothing is pending; ``None`` now and then meanwhile."""
        with self._holding(principal):
            shown = await self._show(principal, check_id, accept_language)
            yield shown
            until_s = asyncio.get_running_loop().time() + self._limits.stream_s
            while shown.status is CheckStatus.PENDING and asyncio.get_running_loop().time() < until_s:
                if await self._changed(principal.tenant, check_id, shown.revision, self._limits.beat_s):
                    shown = await self._show(principal, check_id, accept_language)
                    yield shown
                else:
                    yield None

    def require_room(self, principal: Principal) -> None:
        """Refuse where too many calls are held.

        Raises:
            TooManyRequests: of all, or of this consumer.
        """
        ours = self._held[principal.tenant, principal.consumer]
        if self._held.total() >= self._limits.held_max or ours >= self._limits.held_per_consumer_max:
            raise TooManyRequests("too many calls are waiting: ask without waiting", retry_after_s=_RETRY_S)

    async def _changed(self, tenant: str, check_id: str, revision: int, wait_s: float) -> bool:
        """Whether it has left ``revision``, or nothing is pending any more, within a time."""
        with self._stirrings.listening(tenant, check_id) as bell, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not await self._has_left(tenant, check_id, revision):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(bell.wait(), self._pause_s())
                    bell.clear()
                return True
        return False

    async def _has_left(self, tenant: str, check_id: str, revision: int) -> bool:
        try:
            standing = await self._standings.standing(tenant, check_id)
        except BrokerError:  # a database that is away for a moment is no news
            return False
        return standing.revision != revision or not standing.pending

    def _pause_s(self) -> float:
        pause_s = max(self._limits.look_s, self._limits.look_each_s * self._held.total())
        return pause_s * (1 + _JITTER_SHARE * self._random.uniform(-1, 1))

    @contextlib.contextmanager
    def _holding(self, principal: Principal) -> Iterator[None]:
        key = (principal.tenant, principal.consumer)
        self._held[key] += 1
        try:
            yield
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

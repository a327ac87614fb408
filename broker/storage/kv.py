"""Fast state that is counted and forgotten: quotas, what must not come twice within minutes, who is at it now.

In memory, each process counts for itself. Every operation is atomic.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from broker.errors import Overloaded

MEMBERS_MAX = 500
"""How many may be under one key at a time; beyond it nobody can say any more who all of them are."""


class Take(NamedTuple):
    """Something to count: how much, up to what, and for how many seconds the count is kept from its first unit on."""

    key: str
    amount: int
    most: int
    ttl_s: int


class Taken(NamedTuple):
    """The counts, this taking included, in the order of what was wanted; ``refused`` is the place of what had no room.

    Where something was refused, nothing was taken at all, and the counts are as they were.
    """

    counts: tuple[int, ...]
    refused: int | None


class Kv(Protocol):
    """Atomic counters, and a memory for what was seen."""

    async def take(self, wants: Sequence[Take]) -> Taken:
        """Take all of what is wanted, or nothing."""
        ...

    async def put_if_absent(self, key: str, ttl_s: int) -> bool:
        """Remember a key for a while; False where it is remembered already."""
        ...

    async def join(self, key: str, member: bytes, ttl_s: int) -> tuple[bytes, ...]:
        """Be known under a key until one leaves, ``ttl_s`` seconds at most; who was there before.

        Of any two that join one key the later sees the earlier, unless that has left.

        Raises:
            Overloaded: there are :data:`MEMBERS_MAX` already.
        """
        ...

    async def leave(self, key: str, member: bytes) -> None:
        """Be forgotten under a key."""
        ...

    async def aclose(self) -> None:
        """Give connections back."""
        ...


class MemoryKv:
    """The state of one process. ``monotonic_s`` is handed in, seconds from any start.

    Defensive: when full it refuses, for to forget what was seen would let it come again.
    """

    def __init__(self, monotonic_s: Callable[[], float], entries_max: int = 1_000_000) -> None:
        self._monotonic_s = monotonic_s
        self._entries_max = entries_max
        self._counts: dict[str, int] = {}
        self._until_s: list[tuple[float, str]] = []
        self._members: dict[str, dict[bytes, float]] = {}

    async def take(self, wants: Sequence[Take]) -> Taken:
        """Take all of what is wanted, or nothing; there is no waiting inside, so nobody comes between."""
        self._forget()
        counts = [self._counts.get(want.key, 0) for want in wants]
        for place, want in enumerate(wants):
            if counts[place] + want.amount > want.most:
                return Taken(tuple(counts), place)
        for want, count in zip(wants, counts, strict=True):
            self._put(want.key, count + want.amount, want.ttl_s)
        return Taken(tuple(count + want.amount for want, count in zip(wants, counts, strict=True)), None)

    async def put_if_absent(self, key: str, ttl_s: int) -> bool:
        """Remember a key for a while; False where it is remembered already."""
        self._forget()
        if key in self._counts:
            return False
        self._put(key, 1, ttl_s)
        return True

    async def join(self, key: str, member: bytes, ttl_s: int) -> tuple[bytes, ...]:
        """Be known under a key until one leaves, ``ttl_s`` seconds at most; who was there before."""
        now_s = self._monotonic_s()
        there = self._members.get(key, {})
        for one in [one for one, until_s in there.items() if until_s <= now_s]:
            del there[one]
        if not there:
            self._members.pop(key, None)
        if len(there) >= MEMBERS_MAX or (not there and len(self._members) >= self._entries_max):
            raise Overloaded("too many at the same thing", retry_after_s=1)
        before = tuple(there)
        there[member] = now_s + ttl_s
        self._members[key] = there
        return before

    async def leave(self, key: str, member: bytes) -> None:
        """Be forgotten under a key."""
        there = self._members.get(key, {})
        there.pop(member, None)
        if not there:
            self._members.pop(key, None)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _put(self, key: str, count: int, ttl_s: int) -> None:
        if key not in self._counts:
            if len(self._counts) >= self._entries_max:
                raise Overloaded("too much is being counted", retry_after_s=ttl_s)
            heapq.heappush(self._until_s, (self._monotonic_s() + ttl_s, key))
        self._counts[key] = count

    def _forget(self) -> None:
        now_s = self._monotonic_s()
        while self._until_s and self._until_s[0][0] <= now_s:
            del self._counts[heapq.heappop(self._until_s)[1]]

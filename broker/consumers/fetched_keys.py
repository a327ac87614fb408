"""Keys of clients at an address of their own (``jwks_uri``, RFC 7591 section 2): asked for rarely, kept for a while.

An unknown ``kid`` has the address asked again, which is how a client rotates its keys; but at most once in a while,
for whoever knows a client's id can make up names of keys. The transport decides which addresses are reached at all.
"""

import asyncio
from collections import OrderedDict
from http import HTTPStatus

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.transport import Transport, WireRequest
from broker.clock import Clock
from broker.consumers import jose
from broker.consumers.jose import PublicKey, TokenRefused
from broker.errors import Overloaded

_HEADERS = ((b"accept", b"application/jwk-set+json, application/json"), (b"user-agent", b"trust-broker"))


class FetchLimits(msgspec.Struct, frozen=True):
    """How keys are fetched; times in seconds.

    Attributes:
        timeout_s: for one answer, connecting included.
        fresh_s: so long they are believed without asking.
        again_s: so long nothing is asked again, whatever is missing and whatever failed.
        stale_s: so long they are believed where asking fails.
        entries_max: addresses remembered; the one that was used longest ago is forgotten first.
        in_flight_max: addresses asked at once.
    """

    timeout_s: float = 2.0
    fresh_s: float = 300.0
    again_s: float = 60.0
    stale_s: float = 3600.0
    entries_max: int = 1000
    in_flight_max: int = 16


class _Kept(msgspec.Struct):
    tried_s: float
    fetched_s: float
    keys: tuple[PublicKey, ...] = ()

    def lacks(self, kid: object) -> bool:
        return kid is not None and all(key.kid != kid for key in self.keys)


class FetchedKeys:
    """Fetches key sets and remembers them, for each tenant by itself."""

    def __init__(self, transport: Transport, clock: Clock, limits: FetchLimits) -> None:
        self._transport = transport
        self._clock = clock
        self._limits = limits
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._fetching: dict[tuple[str, str], asyncio.Task[_Kept]] = {}

    async def of(self, tenant: str, url: str, kid: object) -> tuple[PublicKey, ...]:
        """The keys at an address, asked for where they are old or have none of the name ``kid``.

        Raises:
            TokenRefused: none could be had.
            Overloaded: too many addresses are being asked.
        """
        where, now_s = (tenant, url), self._clock.monotonic_s()
        kept = self._kept.get(where)
        if kept is None or (self._wants(kept, kid, now_s) and now_s - kept.tried_s >= self._limits.again_s):
            kept = await asyncio.shield(self._fetching.get(where) or self._begin(where))
        if where in self._kept:  # others that came meanwhile may have taken its place
            self._kept.move_to_end(where)
        if not kept.keys or self._clock.monotonic_s() - kept.fetched_s > self._limits.stale_s:
            raise TokenRefused("the keys at its client's address cannot be had")
        return kept.keys

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    def _wants(self, kept: _Kept, kid: object, now_s: float) -> bool:
        return not kept.keys or now_s - kept.fetched_s >= self._limits.fresh_s or kept.lacks(kid)

    def _begin(self, where: tuple[str, str]) -> "asyncio.Task[_Kept]":
        """One question for all who wait for the same keys."""
        if len(self._fetching) >= self._limits.in_flight_max:
            raise Overloaded("keys of too many clients are being fetched", retry_after_s=1)
        task = self._fetching[where] = asyncio.create_task(self._fetch(where))
        task.add_done_callback(lambda _done: self._fetching.pop(where, None))
        return task

    async def _fetch(self, where: tuple[str, str]) -> _Kept:
        now_s = self._clock.monotonic_s()
        before = self._kept.get(where) or _Kept(now_s, now_s)
        try:
            kept = _Kept(now_s, now_s, await self._asked(where[1]))
        except (OperatorFault, ValueError):
            # What was there goes on for a while: an address that is down must not end a client at once.
            kept = _Kept(now_s, before.fetched_s, before.keys)
        self._kept[where] = kept
        while len(self._kept) > self._limits.entries_max:
            self._kept.popitem(last=False)
        return kept

    async def _asked(self, url: str) -> tuple[PublicKey, ...]:
        request = WireRequest("GET", url, _HEADERS, b"")
        answer = await self._transport.send(request, timeout_s=self._limits.timeout_s)
        if answer.status != HTTPStatus.OK:
            raise ValueError("there are no keys")
        return jose.key_set(answer.body.decode("utf-8"))

"""Who is calling: from a bearer key to a principal."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple, Protocol

from broker.clock import Clock
from broker.consumers import keys
from broker.domain.check import Principal
from broker.errors import NotAuthenticated, Overloaded
from broker.storage.records import ApiKey

_NOBODY = bytes(32)
_REFUSAL = "this key is unknown, expired or revoked"


class KeyStore(Protocol):
    """Where keys are kept."""

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of that id, revoked and expired ones too."""
        ...


class _Remembered(NamedTuple):
    principal: Principal
    until_s: float


class AuthenticatorLimits(NamedTuple):
    """How long a good key is remembered, how many are, and how many look-ups may be under way at once."""

    memory_s: float = 5.0
    entries_max: int = 10_000
    look_ups_max: int = 64


DEFAULTS = AuthenticatorLimits()


class Authenticator:
    """Turns bearer keys into principals, remembering each good key for a few seconds.

    The memory spares a look-up in the database for each check; it is also how long a revoked key may still work on a
    node, so it is short. Refusals are never remembered. Look-ups have a bound of their own, so that a flood of revoked
    keys leaves the store's other readers alone.
    """

    def __init__(
        self, store: KeyStore, clock: Clock, sealing_key: bytes, limits: AuthenticatorLimits = DEFAULTS
    ) -> None:
        self._store = store
        self._clock = clock
        self._sealing_key = sealing_key
        self._limits = limits
        self._looking_up = 0
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[Principal]] = {}

    async def __call__(self, authorization: str | None) -> Principal:
        """The principal behind an ``Authorization`` header.

        Raises:
            NotAuthenticated: there is none, or the key is unknown, wrong, expired or revoked.
            Overloaded, Unrecorded: the key could not be looked up now.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("send a key: Authorization: Bearer tb_…")
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._remembered.get(digest)
        if known is not None and known.until_s > self._clock.monotonic_s():
            return known.principal
        return await asyncio.shield(self._looking.get(digest) or self._begin(digest, token))

    def _begin(self, digest: bytes, token: str) -> "asyncio.Task[Principal]":
        """One look-up for all who come with a key at once: its memory ends for all of them in the same moment."""
        task = asyncio.create_task(self._look_up_and_remember(digest, token))
        self._looking[digest] = task
        task.add_done_callback(lambda done: self._settle(digest, done))
        return task

    def _settle(self, digest: bytes, done: "asyncio.Task[Principal]") -> None:
        self._looking.pop(digest, None)
        if not done.cancelled():
            done.exception()  # everybody may have left; asyncio would complain about a lost exception

    async def _look_up_and_remember(self, digest: bytes, token: str) -> Principal:
        stored = await self._look_up(token)
        principal = Principal(stored.tenant, stored.consumer, stored.agent, frozenset(stored.scopes), stored.key_id)
        self._remember(digest, principal, self._memory_s(stored))
        return principal

    async def _look_up(self, token: str) -> ApiKey:
        presented = keys.parse(token, self._sealing_key)
        if presented is None:
            raise NotAuthenticated(_REFUSAL)
        stored = await self._find(presented.key_id)
        # Defensive: an unknown key id costs the same comparison as a wrong secret, so neither can be told by its time.
        right = hmac.compare_digest(stored.secret_hash if stored else _NOBODY, presented.secret_hash)
        if stored is None or not right or not _live(stored, self._clock.now()):
            raise NotAuthenticated(_REFUSAL)
        return stored

    async def _find(self, key_id: str) -> ApiKey | None:
        if self._looking_up >= self._limits.look_ups_max:
            raise Overloaded("too many keys are being looked up", retry_after_s=1)
        self._looking_up += 1
        try:
            return await self._store.find_key(key_id)
        finally:
            self._looking_up -= 1

    def _memory_s(self, key: ApiKey) -> float:
        """How long a key may be remembered: never beyond its own end."""
        if key.expires_ms is None:
            return self._limits.memory_s
        return min(self._limits.memory_s, key.expires_ms / 1000 - self._clock.now().timestamp())

    def _remember(self, digest: bytes, principal: Principal, memory_s: float) -> None:
        self._remembered[digest] = _Remembered(principal, self._clock.monotonic_s() + memory_s)
        self._remembered.move_to_end(digest)
        while len(self._remembered) > self._limits.entries_max:
            self._remembered.popitem(last=False)


def _live(key: ApiKey, now: datetime) -> bool:
    now_ms = int(now.timestamp() * 1000)
    return key.revoked_ms is None and (key.expires_ms is None or key.expires_ms > now_ms)

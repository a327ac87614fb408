"""Who is calling: from a bearer key to a principal."""

import hashlib
import hmac
from datetime import datetime
from typing import Protocol

from broker.clock import Clock
from broker.consumers import keys
from broker.consumers.memory import Memory, MemoryLimits
from broker.domain.check import Principal
from broker.domain.tenancy import is_sandbox
from broker.errors import NotAuthenticated
from broker.storage.records import ApiKey

_NOBODY = bytes(32)
_REFUSAL = "this key is unknown, expired or revoked"


class KeyStore(Protocol):
    """Where keys are kept."""

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of that id, revoked and expired ones too."""
        ...


AuthenticatorLimits = MemoryLimits
DEFAULTS = MemoryLimits()


class Authenticator:
    """Turns bearer keys into principals, remembering each good key for a few seconds."""

    def __init__(self, store: KeyStore, clock: Clock, sealing_key: bytes, limits: MemoryLimits = DEFAULTS) -> None:
        self._store = store
        self._clock = clock
        self._sealing_key = sealing_key
        self._limits = limits
        self._memory: Memory[Principal] = Memory(clock, limits)

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
        return await self._memory.get(digest, lambda: self._principal(token))

    async def _principal(self, token: str) -> tuple[Principal, float]:
        stored = await self._look_up(token)
        principal = Principal(stored.tenant, stored.consumer, stored.agent, frozenset(stored.scopes), stored.key_id)
        return principal, self._memory_s(stored)

    async def _look_up(self, token: str) -> ApiKey:
        presented = keys.parse(token, self._sealing_key)
        if presented is None:
            raise NotAuthenticated(_REFUSAL)
        stored = await self._store.find_key(presented.key_id)
        # Defensive: an unknown key id costs the same comparison as a wrong secret, so neither can be told by its time.
        right = hmac.compare_digest(stored.secret_hash if stored else _NOBODY, presented.secret_hash)
        if stored is None or not right or not _live(stored, self._clock.now()):
            raise NotAuthenticated(_REFUSAL)
        if presented.sandbox != is_sandbox(stored.tenant):
            raise NotAuthenticated(_REFUSAL)
        return stored

    def _memory_s(self, key: ApiKey) -> float:
        """How long a key may be remembered: never beyond its own end."""
        if key.expires_ms is None:
            return self._limits.memory_s
        return min(self._limits.memory_s, key.expires_ms / 1000 - self._clock.now().timestamp())


def _live(key: ApiKey, now: datetime) -> bool:
    now_ms = int(now.timestamp() * 1000)
    return key.revoked_ms is None and (key.expires_ms is None or key.expires_ms > now_ms)

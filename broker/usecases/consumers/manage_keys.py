"""Create, list and revoke the bearer keys of consumers."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import authorize, keys
from broker.domain.tenancy import is_below_another, is_sandbox
from broker.errors import Fault, InvalidRequest, NotFound
from broker.storage.records import ApiKey

_NAME_LENGTH_MAX = 64
NOT_MADE = "there is no such tenant: make it below its platform first, with tenants create NAME --parent PLATFORM"


class KeyShelf(Protocol):
    """Where keys are kept."""

    async def is_tenant(self, tenant: str) -> bool:
        """Whether there is a tenant of that name."""
        ...

    async def create_key(self, key: ApiKey) -> None:
        """Keep a new key, and make its tenant where there is none."""
        ...

    async def list_keys(self, tenant: str) -> list[ApiKey]:
        """All keys of a tenant."""
        ...

    async def expire_key(self, tenant: str, key_id: str, at_ms: int) -> None:
        """End a key at an instant, or raise ``NotFound``."""
        ...

    async def revoke_key(self, tenant: str, key_id: str, at_ms: int) -> None:
        """Revoke a key, or raise ``NotFound``."""
        ...


class NewKey(msgspec.Struct, frozen=True):
    """What is asked for: whose key, for which agent, with which scopes, for how long (``None``: until revoked)."""

    tenant: str
    consumer: str
    agent: str | None
    scopes: tuple[str, ...]
    lifetime: timedelta | None


class ManageKeys:
    """The administration of keys, for whoever runs the broker."""

    def __init__(self, shelf: KeyShelf, clock: Clock, random_bytes: Callable[[int], bytes], sealing_key: bytes) -> None:
        self._shelf = shelf
        self._sealing_key = sealing_key
        self._clock = clock
        self._random_bytes = random_bytes

    async def create(self, wanted: NewKey) -> str:
        """Make a key and return its token. It is shown this once: only a hash is kept.

        Raises:
            InvalidRequest: a name is empty or too long, or a scope is unknown.
            NotFound: its tenant is named as one below a platform, and nobody has made it there.
        """
        _require_sound(wanted)
        if is_below_another(wanted.tenant) and not await self._shelf.is_tenant(wanted.tenant):
            raise NotFound(NOT_MADE)
        now = self._clock.now()
        minted = keys.mint(self._random_bytes, self._sealing_key, sandbox=is_sandbox(wanted.tenant))
        await self._shelf.create_key(
            ApiKey(
                tenant=wanted.tenant,
                key_id=minted.key_id,
                consumer=wanted.consumer,
                agent=wanted.agent,
                secret_hash=minted.secret_hash,
                scopes=wanted.scopes,
                created_ms=_ms(now),
                expires_ms=_ms(now + wanted.lifetime) if wanted.lifetime else None,
            )
        )
        return minted.token

    async def of_tenant(self, tenant: str) -> Sequence[ApiKey]:
        """The keys of a tenant, without their secrets."""
        return await self._shelf.list_keys(tenant)

    async def rotate(self, tenant: str, key_id: str, overlap: timedelta) -> str:
        """A new key like an old one, which holds for ``overlap`` more; the new token, shown this once.

        The new key lives as long as the old one was made to.

        Raises:
            NotFound: the tenant has no such key that still holds.
        """
        now = self._clock.now()
        live = [key for key in await self._shelf.list_keys(tenant) if key.key_id == key_id and key_holds(key, _ms(now))]
        if not live:
            raise NotFound("there is no such key that still holds")
        (old,) = live
        lifetime = timedelta(milliseconds=old.expires_ms - old.created_ms) if old.expires_ms is not None else None
        token = await self.create(NewKey(tenant, old.consumer, old.agent, old.scopes, lifetime))
        await self._shelf.expire_key(tenant, key_id, _ms(now + overlap))
        return token

    async def revoke(self, tenant: str, key_id: str) -> None:
        """Revoke a key; every node refuses it within seconds.

        Raises:
            NotFound: the tenant has no such key.
        """
        await self._shelf.revoke_key(tenant, key_id, _ms(self._clock.now()))


def _require_sound(wanted: NewKey) -> None:
    faults = [
        Fault(f"/{name}", f"send 1 to {_NAME_LENGTH_MAX} printable characters")
        for name, value in (("tenant", wanted.tenant), ("consumer", wanted.consumer), ("agent", wanted.agent or "-"))
        if not (0 < len(value) <= _NAME_LENGTH_MAX and value.isascii() and value.isprintable())
    ]
    unknown = sorted(set(wanted.scopes) - authorize.SCOPES)
    if unknown or not wanted.scopes:
        faults.append(Fault("/scopes", f"send some of: {', '.join(sorted(authorize.SCOPES))}"))
    if faults:
        raise InvalidRequest("this key cannot be made", faults)


def key_holds(key: ApiKey, now_ms: int) -> bool:
    """Whether a key is neither revoked nor over."""
    return key.revoked_ms is None and (key.expires_ms is None or key.expires_ms > now_ms)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)

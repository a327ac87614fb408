"""Tenants within tenants: a platform makes its customers, limits and suspends them, and gives them their keys."""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import limits
from broker.consumers.limits import Limits
from broker.domain.check import Principal
from broker.domain.tenancy import is_sandbox
from broker.errors import Fault, InvalidRequest, NotPermitted
from broker.storage.consumer_store import Ancestor, TenantRow
from broker.storage.records import ApiKey
from broker.usecases.consumers.manage_keys import ManageKeys, NewKey
from broker.usecases.consumers.reach import Reach, require_gift

LEVELS_MAX = 4
PAGE_MAX = 500
_NAME = re.compile(r"[a-z0-9](-?[a-z0-9]){0,31}", re.ASCII)
_FULL_LENGTH_MAX = 64
_DAYS_MAX = 3650


class TenantTree(Protocol):
    """Where tenants are kept."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it, nearest first; empty where there is no such tenant."""
        ...

    async def add_tenant(self, row: TenantRow) -> None:
        """Make a tenant, or raise ``Conflict``."""
        ...

    async def below(self, tenant: str, depth: int, after: str, rows: int) -> list[TenantRow]:
        """The tenants below one, so many levels deep, by name from beyond ``after`` on; at most so many."""
        ...

    async def suspend(self, tenant: str, at_ms: int) -> None:
        """Suspend a tenant."""
        ...

    async def resume(self, tenant: str) -> None:
        """End its suspension."""
        ...

    async def limit(self, tenant: str, limits: str | None) -> None:
        """Replace its limits."""
        ...


class TenantOut(msgspec.Struct, frozen=True, rename="camel"):
    """A tenant. ``parent`` is the platform that made it; ``suspendedAt`` is there while it is suspended.

    ``sandbox``: it is called so, or one above it is; it is asked about magic numbers alone, and stays so for ever.
    """

    tenant: str
    parent: str | None
    suspended_at: datetime | None
    limits: Limits
    sandbox: bool


class TenantsOut(msgspec.Struct, frozen=True, rename="camel"):
    """Tenants below one, by name. ``next``: where there are more, what to send as ``after`` for them."""

    tenants: tuple[TenantOut, ...]
    next: str | None = None


class KeyOut(msgspec.Struct, frozen=True, rename="camel"):
    """A bearer key without its secret."""

    key_id: str
    consumer: str
    agent: str | None
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None


class KeysOut(msgspec.Struct, frozen=True, rename="camel"):
    """The keys of a tenant, oldest first."""

    keys: tuple[KeyOut, ...]


class KeySecretOut(msgspec.Struct, frozen=True, rename="camel"):
    """A new key; it is shown this once."""

    key: str


class ManageTenants:
    """The administration of tenants: by the holder of ``tenant:admin`` for the tenants below its own, at any depth.

    Whoever runs the broker has no principal (``None``) and may do it for all.
    """

    def __init__(
        self, tree: TenantTree, keys: ManageKeys, clock: Clock, operators: Callable[[str], AbstractSet[str]]
    ) -> None:
        """``operators`` are those that a tenant can be asked for at."""
        self._tree = tree
        self._operators = operators
        self._require = Reach(tree).require
        self._keys = keys
        self._clock = clock

    async def create(self, by: Principal | None, name: str, wanted: Limits, parent: str | None = None) -> TenantOut:
        """Make a tenant below one's own; its full name begins with its platform's, so names of others never clash.

        Raises:
            InvalidRequest: the name or a limit does not fit, or the tree is too deep.
            Conflict: there is one.
            NotPermitted, NotFound: as everywhere here: no ``tenant:admin``, or not a tenant below one's own.
        """
        above = parent if by is None else (parent or by.tenant)
        levels = await self._levels_above(by, above)
        full = name if above is None else f"{above}.{name}"
        limits.require_sound(wanted)
        if not _NAME.fullmatch(name) or len(full) > _FULL_LENGTH_MAX or levels >= LEVELS_MAX:
            text = (
                f"send 1 to 32 of a-z, 0-9, -; with its platforms at most {_FULL_LENGTH_MAX}, {LEVELS_MAX} levels deep"
            )
            raise InvalidRequest("this tenant cannot be made", [Fault("/name", text)])
        self._require_known(full, wanted)
        row = TenantRow(full, self._now_ms(), parent=above, limits=limits.write(wanted))
        await self._tree.add_tenant(row)
        return _out(row)

    async def below(
        self, by: Principal | None, tenant: str | None = None, *, depth: int = 1, after: str = "", limit: int = PAGE_MAX
    ) -> TenantsOut:
        """The tenants below one's own, or below one of those, so many levels deep; a page of them."""
        above = tenant or (by.tenant if by else "")
        await self._require(by, above, own=True)
        rows = await self._tree.below(above, depth, after, min(limit, PAGE_MAX) + 1)
        page = rows[: min(limit, PAGE_MAX)]
        return TenantsOut(tuple(map(_out, page)), page[-1].tenant if len(rows) > len(page) else None)

    async def show(self, by: Principal | None, tenant: str) -> TenantOut:
        """A tenant: one's own, or one below it."""
        return _out(await self._require(by, tenant, own=True))

    async def suspend(self, by: Principal | None, tenant: str) -> TenantOut:
        """Refuse everything that a tenant asks, and the tenants below it; on every node within seconds."""
        await self._require(by, tenant)
        await self._tree.suspend(tenant, self._now_ms())
        return await self.show(by, tenant)

    async def resume(self, by: Principal | None, tenant: str) -> TenantOut:
        """End a suspension."""
        await self._require(by, tenant)
        await self._tree.resume(tenant)
        return await self.show(by, tenant)

    async def limit(self, by: Principal | None, tenant: str, wanted: Limits) -> TenantOut:
        """Replace a tenant's limits; its own admin cannot, or no limit would hold."""
        await self._require(by, tenant)
        limits.require_sound(wanted)
        self._require_known(tenant, wanted)
        await self._tree.limit(tenant, limits.write(wanted))
        return await self.show(by, tenant)

    async def create_key(self, by: Principal | None, wanted: NewKey) -> KeySecretOut:
        """Give a tenant below one's own a key, with scopes that one holds oneself."""
        await self._require(by, wanted.tenant)
        require_gift(by, wanted.tenant, wanted.scopes)
        return KeySecretOut(await self._keys.create(wanted))

    async def keys(self, by: Principal | None, tenant: str) -> KeysOut:
        """The keys of one's own tenant, or of one below it."""
        await self._require(by, tenant, own=True)
        return KeysOut(tuple(key_out(key) for key in await self._keys.of_tenant(tenant)))

    async def rotate_key(self, by: Principal | None, tenant: str, key_id: str, overlap_s: int) -> KeySecretOut:
        """A new key in the place of an old one, which holds for ``overlap_s`` more; in one's own tenant one's own key.

        Defensive: whoever could rotate a colleague's key would hold its scopes, and be two people to a policy; so below
        one's own only a key that one could have made is rotated.
        """
        await self._require(by, tenant, own=True)
        if by is not None and by.tenant == tenant and by.key_id != key_id:
            raise NotPermitted("in your own tenant only the key that you use can be rotated over the API")
        if by is not None and by.tenant != tenant:
            await self._require_gift(by, tenant, key_id)
        return KeySecretOut(await self._keys.rotate(tenant, key_id, timedelta(seconds=overlap_s)))

    async def revoke_key(self, by: Principal | None, tenant: str, key_id: str) -> KeysOut:
        """Revoke a key, also in one's own tenant; the keys that there are."""
        await self._require(by, tenant, own=True)
        await self._keys.revoke(tenant, key_id)
        return await self.keys(by, tenant)

    async def _levels_above(self, by: Principal | None, above: str | None) -> int:
        if above is None:
            return 0
        await self._require(by, above, own=True)
        return len(await self._tree.lineage(above))

    async def _require_gift(self, by: Principal, tenant: str, key_id: str) -> None:
        for key in await self._keys.of_tenant(tenant):
            if key.key_id == key_id:
                require_gift(by, tenant, key.scopes)

    def _require_known(self, tenant: str, wanted: Limits) -> None:
        """Refuse a list that says less than somebody meant."""
        if wanted.operators is None:
            return
        if is_sandbox(tenant):
            text = "leave it out: a tenant of the sandbox asks the operators of the sandbox and nobody else"
            raise InvalidRequest("these limits cannot be set", [Fault("/limits/operators", text)])
        if unknown := sorted(set(wanted.operators) - self._operators(tenant)):
            text = f"{', '.join(unknown)}: nobody is asked for this tenant by that name; see GET /v1/operators"
            raise InvalidRequest("these limits cannot be set", [Fault("/limits/operators", text)])

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def new_key(tenant: str, consumer: str, agent: str | None, scopes: tuple[str, ...], days: int | None) -> NewKey:
    """What is asked for, with its lifetime in days.

    Raises:
        InvalidRequest: the lifetime is none.
    """
    if days is not None and not 1 <= days <= _DAYS_MAX:
        raise InvalidRequest("this key cannot be made", [Fault("/days", f"send 1 to {_DAYS_MAX}")])
    return NewKey(tenant, consumer, agent, scopes, timedelta(days=days) if days is not None else None)


def key_out(key: ApiKey) -> KeyOut:
    """A key as it may be shown."""
    return KeyOut(key.key_id, key.consumer, key.agent, key.scopes, _at(key.expires_ms), _at(key.revoked_ms))


def _out(row: TenantRow | Ancestor) -> TenantOut:
    return TenantOut(
        row.tenant, row.parent, _at(row.suspended_ms), limits.read(row.limits), sandbox=is_sandbox(row.tenant)
    )


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)

"""Rotate the vault's keys: a new root key, new keys of tenants under it, keys of subjects wrapped anew."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.clock import Clock
from broker.errors import BrokerError
from broker.privacy import sealing
from broker.privacy.root_keys import RootKeys
from broker.privacy.sealing import Damaged, Random
from broker.privacy.vault import new_tenant_key, subject_place, unwrap_subject_key, unwrap_tenant_key
from broker.storage.records import SubjectKeyRow, TenantKeyRow

_PAGE = 200
_SETTLED = timedelta(minutes=10)
"""A version is forgotten only so long after its successor was made: nodes go on with the one they know for a minute."""


class WrappedKeys(Protocol):
    """Where wrapped keys are kept."""

    async def tenants(self, after: str, limit: int) -> list[tuple[str, int]]:
        """Tenants that have keys, with the newest version, by name above ``after``."""
        ...

    async def tenant_keys(self, tenant: str) -> list[TenantKeyRow]:
        """All versions of a tenant's key, the newest last."""
        ...

    async def add_tenant_key(self, key: TenantKeyRow) -> None:
        """Add a version."""
        ...

    async def superseded(self, tenant: str, below: int, limit: int) -> list[SubjectKeyRow]:
        """Keys of subjects under an older version."""
        ...

    async def rewrap(self, pairs: Sequence[tuple[SubjectKeyRow, SubjectKeyRow]]) -> None:
        """Put re-wrapped keys in the place of those that were read."""
        ...

    async def forget_superseded(self, before_ms: int) -> None:
        """Delete versions that wrap nothing any more and whose successor is older than that instant."""
        ...

    async def roots_in_use(self) -> set[str]:
        """The root keys that some tenant's key is wrapped under."""
        ...


class Rotated(msgspec.Struct, frozen=True):
    """What a rotation did: the root key that everything is under now, and how much it wrapped anew."""

    root_id: str
    tenants: int
    subjects: int
    forgotten: tuple[str, ...] = ()


class RotateKeys:
    """Beside running nodes, and again after an interruption: every step looks at what is still to be done.

    Payloads are never touched, so the cost is that of the keys: one row of about a hundred bytes a subject.
    """

    def __init__(self, keys: WrappedKeys, roots: RootKeys, clock: Clock, random: Random) -> None:
        self._keys = keys
        self._roots = roots
        self._clock = clock
        self._random = random

    async def __call__(self, *, forget_old: bool) -> Rotated:
        """Finish a rotation that was interrupted, else begin one and bring it to its end.

        Raises:
            Misconfigured: the root keys are not ours to change and nobody gave a new one.
            Unrecorded, Overloaded: the store cannot be used; run it again.
        """
        if not await self._unfinished(await self._roots.current()):
            await self._roots.renew()
        root_id = await self._roots.current()
        tenants = subjects = 0
        async for tenant in self._tenants():
            versions = await self._under(root_id, tenant)
            tenants += 1
            subjects += await self._rewrap(versions)
        forgotten = await self._forget() if forget_old else []
        return Rotated(root_id, tenants, subjects, tuple(forgotten))

    async def _unfinished(self, root_id: str) -> bool:
        async for tenant in self._tenants():
            newest = (await self._keys.tenant_keys(tenant))[-1]
            if newest.root_id != root_id or await self._keys.superseded(tenant, newest.version, 1):
                return True
        return False

    async def _tenants(self) -> AsyncIterator[str]:
        after = ""
        while page := await self._keys.tenants(after, _PAGE):
            for tenant, _ in page:
                yield tenant
            after = page[-1][0]

    async def _under(self, root_id: str, tenant: str) -> list[TenantKeyRow]:
        """The versions of a tenant's key, the newest of them under that root key."""
        rows = await self._keys.tenant_keys(tenant)
        if rows[-1].root_id == root_id:
            return rows
        await self._keys.add_tenant_key(
            await new_tenant_key(self._roots, self._clock, self._random, tenant, rows[-1].version + 1)
        )
        return await self._keys.tenant_keys(tenant)

    async def _rewrap(self, versions: list[TenantKeyRow]) -> int:
        newest = versions[-1]
        ciphers = {row.version: await unwrap_tenant_key(self._roots, row) for row in versions}
        count = 0
        while page := await self._keys.superseded(newest.tenant, newest.version, _PAGE):
            await self._keys.rewrap([(row, self._anew(row, newest.version, ciphers)) for row in page])
            count += len(page)
        return count

    def _anew(self, row: SubjectKeyRow, version: int, ciphers: dict[int, AESGCM]) -> SubjectKeyRow:
        try:
            raw = unwrap_subject_key(ciphers[row.tenant_version], row)
        except Damaged as error:
            raise BrokerError(f"a key of tenant {row.tenant} does not open: somebody changed what is stored") from error
        where = subject_place(row.tenant, row.subject, row.key_id)
        wrapped = sealing.seal(ciphers[version], self._random, raw, where)
        return msgspec.structs.replace(row, tenant_version=version, wrapped=wrapped)

    async def _forget(self) -> list[str]:
        before = self._clock.now() - _SETTLED
        await self._keys.forget_superseded(int(before.timestamp() * 1000))
        return await self._roots.keep(await self._keys.roots_in_use())

"""The wrapped keys of tenants and subjects."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from broker.storage import vault_statements as sql
from broker.storage.reader import Reader
from broker.storage.records import SubjectKeyRow, TenantKeyRow
from broker.storage.unit_of_work import Row, Value, Write
from broker.storage.writer import GroupWriter


class VaultStore:
    """Reads and writes wrapped keys; errors as in :class:`broker.storage.store.Store`."""

    def __init__(self, writer: GroupWriter, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def tenant_keys(self, tenant: str) -> list[TenantKeyRow]:
        """All versions of a tenant's key, the newest last."""
        rows = await self._reader.rows(sql.SELECT_TENANT_KEYS, tenant=tenant)
        return [TenantKeyRow(*_fields(row)) for row in rows]

    async def add_tenant_key(self, key: TenantKeyRow) -> None:
        """Add a version; where somebody else added it first, theirs stays."""
        await self._writer.submit(Write((sql.INSERT_TENANT_KEY,), msgspec.structs.asdict(key)))

    async def subject_keys(self, tenant: str, subject: bytes) -> list[SubjectKeyRow]:
        """The keys of a subject, the newest last; none where it was never met, or erased."""
        rows = await self._reader.rows(sql.SELECT_SUBJECT_KEYS, tenant=tenant, subject=subject)
        return [SubjectKeyRow(*_fields(row)) for row in rows]

    async def add_subject_key(self, key: SubjectKeyRow) -> None:
        """Add a key by itself; the record of a check brings its own along."""
        await self._writer.submit(Write((sql.INSERT_SUBJECT_KEY,), msgspec.structs.asdict(key)))

    async def tenants(self, after: str, limit: int) -> list[tuple[str, int]]:
        """Tenants that have keys, with the version that wraps what is new, by name above ``after``."""
        rows = await self._reader.rows(sql.SELECT_TENANTS, after=after, rows=limit)
        return [(tenant, version) for tenant, version in map(_fields, rows)]

    async def roots_in_use(self) -> set[str]:
        """The root keys that some tenant's key is wrapped under."""
        return {_fields(row)[0] for row in await self._reader.rows(sql.SELECT_ROOTS_IN_USE)}

    async def superseded(self, tenant: str, below: int, limit: int) -> list[SubjectKeyRow]:
        """Keys of subjects under a version below that one."""
        rows = await self._reader.rows(sql.SELECT_SUPERSEDED, tenant=tenant, below=below, rows=limit)
        return [SubjectKeyRow(*_fields(row)) for row in rows]

    async def rewrap(self, pairs: Sequence[tuple[SubjectKeyRow, SubjectKeyRow]]) -> None:
        """Put re-wrapped keys in the place of those that were read; rows that changed meanwhile stay as they are."""
        # Each a unit of its own, for the first step of an amendment guards the others; together they share commits.
        await asyncio.gather(*(self._writer.submit(Write((sql.REWRAP_SUBJECT_KEY,), _swap(*pair))) for pair in pairs))

    async def forget_superseded(self, before_ms: int) -> None:
        """Delete versions that wrap nothing any more and whose successor is older than that instant."""
        await self._writer.submit(Write((sql.DELETE_TENANT_KEYS,), {"before_ms": before_ms}))


def _swap(old: SubjectKeyRow, new: SubjectKeyRow) -> dict[str, Value]:
    return {
        "to_version": new.tenant_version,
        "to_wrapped": new.wrapped,
        "of_tenant": old.tenant,
        "of_subject": old.subject,
        "of_key_id": old.key_id,
        "seen": old.tenant_version,
    }


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)

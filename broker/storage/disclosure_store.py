"""Grants of tenants to be told personal data in clear, durably; a leaf of the log with each change."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.domain.disclosure import Disclosure, TenantGrant
from broker.storage.policy_store import Entry
from broker.storage.privacy_store import leaf
from broker.storage.reader import Reader
from broker.storage.tables import disclosure_grants
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

_INSERT = insert(disclosure_grants)
# The guard of a withdrawal: of several at once, on any node, one counts and is in the log.
_WITHDRAW = (
    update(disclosure_grants)
    .values(withdrawn_by=bindparam("by"), withdrawn_ms=bindparam("at_ms"))
    .where(
        disclosure_grants.c.tenant == bindparam("of_tenant"),
        disclosure_grants.c.grant_id == bindparam("of_grant"),
        disclosure_grants.c.withdrawn_ms.is_(None),
    )
)
_OF_TENANT = (
    select(disclosure_grants)
    .where(disclosure_grants.c.tenant == bindparam("tenant"))
    .order_by(disclosure_grants.c.granted_ms.desc(), disclosure_grants.c.grant_id.desc())
    .limit(bindparam("rows"))
)
_OF_KIND = (
    select(disclosure_grants)
    .where(
        disclosure_grants.c.tenant == bindparam("tenant"),
        disclosure_grants.c.disclosure == bindparam("disclosure"),
        disclosure_grants.c.purpose == bindparam("purpose"),
        disclosure_grants.c.withdrawn_ms.is_(None),
    )
    .order_by(disclosure_grants.c.expires_ms.desc())
    .limit(1)
)
_BY_ID = select(disclosure_grants).where(
    disclosure_grants.c.tenant == bindparam("tenant"), disclosure_grants.c.grant_id == bindparam("grant_id")
)


class DisclosureStore:
    """Reads and changes grants; errors as in :class:`broker.storage.store.Store`."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def add(self, grant: TenantGrant, entry: Entry) -> None:
        """Keep a new grant."""
        await self._writer.submit(Amend((Step(_INSERT, _plain(grant)), leaf(grant.tenant, entry))))

    async def withdraw(self, grant: TenantGrant, entry: Entry) -> bool:
        """Withdraw a grant as it says; False where somebody did already. Then nothing was written."""
        values: dict[str, Value] = {
            "of_tenant": grant.tenant,
            "of_grant": grant.grant_id,
            "by": grant.withdrawn_by,
            "at_ms": grant.withdrawn_ms,
        }
        return await self._writer.submit(Amend((Step(_WITHDRAW, values), leaf(grant.tenant, entry)))) != 0

    async def find(self, tenant: str, grant_id: str) -> TenantGrant | None:
        """A tenant's grant, over or not."""
        row = await self._reader.row(_BY_ID, tenant=tenant, grant_id=grant_id)
        return None if row is None else _grant(row)

    async def of_tenant(self, tenant: str) -> list[TenantGrant]:
        """A tenant's grants, latest first, those that are over too; no more than fit into one answer."""
        rows = await self._reader.rows(_OF_TENANT, tenant=tenant, rows=self._rows_max)
        return [_grant(row) for row in rows]

    async def longest(self, tenant: str, disclosure: Disclosure, purpose: str) -> TenantGrant | None:
        """Of a tenant's grants for this that nobody withdrew, the one that ends last, which may be over."""
        row = await self._reader.row(_OF_KIND, tenant=tenant, disclosure=disclosure.value, purpose=purpose)
        return None if row is None else _grant(row)


def _plain(grant: TenantGrant) -> dict[str, Value]:
    return msgspec.structs.asdict(grant) | {"disclosure": grant.disclosure.value}


def _grant(row: Row) -> TenantGrant:
    fields: tuple[Any, ...] = tuple(row)
    members = dict(zip(TenantGrant.__struct_fields__, fields, strict=True))
    members["disclosure"] = Disclosure(members["disclosure"])
    return TenantGrant(**members)

"""How receipts ended, durably. A receipt ends once: of all who use or revoke it, on any node, one is first."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Text, and_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import insert

from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.tables import checks, log_leaves, receipt_ends
from broker.storage.unit_of_work import Amend, Step, Value
from broker.storage.writer import GroupWriter

CONSUMED, REVOKED = "consumed", "revoked"

# Only while the check is at the revision that the receipt is of: a later one, once written, comes first.
_INSERT_END = (
    insert(receipt_ends)
    .from_select(
        [column.name for column in receipt_ends.c],
        select(
            checks.c.tenant,
            cast(bindparam("receipt"), Text),
            checks.c.check_id,
            *(cast(bindparam(name), Text) for name in ("how", "by", "reason")),
            cast(bindparam("at_ms"), BigInteger),
        ).where(
            checks.c.tenant == bindparam("of_tenant"),
            checks.c.check_id == bindparam("of_check"),
            checks.c.revision == bindparam("of_revision"),
        ),
    )
    .on_conflict_do_nothing()
)
_SELECT_STANDING = (
    select(checks.c.revision, checks.c.settled_ms, log_leaves.c.leaf_hash)
    .join(log_leaves, and_(log_leaves.c.tenant == checks.c.tenant, log_leaves.c.check_id == bindparam("entry")))
    .where(checks.c.tenant == bindparam("tenant"), checks.c.check_id == bindparam("check_id"))
)
_SELECT_END = select(receipt_ends).where(
    receipt_ends.c.tenant == bindparam("tenant"), receipt_ends.c.receipt == bindparam("receipt")
)
_SELECT_ENDS = (
    select(receipt_ends)
    .where(receipt_ends.c.tenant == bindparam("tenant"), receipt_ends.c.check_id == bindparam("check_id"))
    .order_by(receipt_ends.c.at_ms, receipt_ends.c.receipt)
    .limit(bindparam("rows"))
)


class Standing(msgspec.Struct, frozen=True):
    """What a check is at now, and the hash of the leaf that a receipt names."""

    revision: int
    settled_ms: int
    leaf_hash: bytes


class ReceiptEnd(msgspec.Struct, frozen=True):
    """How a receipt ended: ``consumed`` or ``revoked``, by which consumer, when, and for a revocation why."""

    tenant: str
    receipt: str
    check_id: str
    how: str
    by: str
    reason: str | None
    at_ms: int


class ReceiptStore:
    """Ends receipts, and tells how they ended."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def standing(self, tenant: str, check_id: str, entry: str) -> Standing | None:
        """What a check is at; ``None`` where there is no such check, or no such entry in the log."""
        row = await self._reader.row(_SELECT_STANDING, tenant=tenant, check_id=check_id, entry=entry)
        return None if row is None else Standing(*_fields(row))

    async def end(self, end: ReceiptEnd, revision: int, leaf: Entry) -> bool:
        """End the receipt of a check's revision, with a leaf in the log.

        False where it had ended already, or where the check is at another revision. Then nothing was written.
        """
        where: dict[str, Value] = {"of_tenant": end.tenant, "of_check": end.check_id, "of_revision": revision}
        values = {name: getattr(end, name) for name in ("receipt", "how", "by", "reason", "at_ms")}
        return bool(await self._writer.submit(Amend((Step(_INSERT_END, where | values), _logging(end.tenant, leaf)))))

    async def find(self, tenant: str, receipt: str) -> ReceiptEnd | None:
        """How a receipt ended; ``None`` where it has not."""
        row = await self._reader.row(_SELECT_END, tenant=tenant, receipt=receipt)
        return None if row is None else ReceiptEnd(*_fields(row))

    async def of_check(self, tenant: str, check_id: str) -> list[ReceiptEnd]:
        """How the receipts of a check ended, first ended first."""
        rows = await self._reader.rows(_SELECT_ENDS, tenant=tenant, check_id=check_id, rows=self._rows_max)
        return [ReceiptEnd(*_fields(row)) for row in rows]


def _logging(tenant: str, leaf: Entry) -> Step:
    values: dict[str, Value] = {"tenant": tenant, "entry": leaf.id, "hash": leaf.hash, "leaf": leaf.body}
    return Step(INSERT_LEAF, values)


def _fields(row: Any) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)

"""How receipts ended, durably. A receipt ends once: of all who use or revoke it, on any node, one is first."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.tables import receipt_ends
from broker.storage.unit_of_work import Amend, Step, Value
from broker.storage.writer import GroupWriter

CONSUMED, REVOKED = "consumed", "revoked"

_INSERT_END = insert(receipt_ends).on_conflict_do_nothing()
_SELECT_END = select(receipt_ends).where(
    receipt_ends.c.tenant == bindparam("tenant"), receipt_ends.c.receipt == bindparam("receipt")
)
_SELECT_ENDS = (
    select(receipt_ends)
    .where(receipt_ends.c.tenant == bindparam("tenant"), receipt_ends.c.check_id == bindparam("check_id"))
    .order_by(receipt_ends.c.at_ms, receipt_ends.c.receipt)
    .limit(bindparam("rows"))
)


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

    async def end(self, end: ReceiptEnd, leaf: Entry) -> bool:
        """End a receipt, with a leaf in the log; False where it had ended already. Then nothing was written."""
        return bool(await self._writer.submit(Amend((ending(end), _logging(end.tenant, leaf)))))

    async def find(self, tenant: str, receipt: str) -> ReceiptEnd | None:
        """How a receipt ended; ``None`` where it has not."""
        row = await self._reader.row(_SELECT_END, tenant=tenant, receipt=receipt)
        return None if row is None else ReceiptEnd(*_fields(row))

    async def of_check(self, tenant: str, check_id: str) -> list[ReceiptEnd]:
        """How the receipts of a check ended, first ended first."""
        rows = await self._reader.rows(_SELECT_ENDS, tenant=tenant, check_id=check_id, rows=self._rows_max)
        return [ReceiptEnd(*_fields(row)) for row in rows]


def ending(end: ReceiptEnd) -> Step:
    """End a receipt as a part of something else; one that had ended stays as it is."""
    return Step(_INSERT_END, msgspec.structs.asdict(end))


def _logging(tenant: str, leaf: Entry) -> Step:
    values: dict[str, Value] = {"tenant": tenant, "entry": leaf.id, "hash": leaf.hash, "leaf": leaf.body}
    return Step(INSERT_LEAF, values)


def _fields(row: Any) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)

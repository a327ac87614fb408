"""Watches, durably. Of several nodes that take up one that is due, exactly one succeeds."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.domain.watch import Watch, WatchCode, WatchState
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.tables import watches
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

_CHANGING = (
    *("state", "version", "due_ms", "sealed", "looks", "looked_ms", "check_id", "decision", "band", "missing"),
    *("unsure", "closed_ms", "code"),
)
_INSERT = insert(watches).on_conflict_do_nothing()
_MOVE = (
    update(watches)
    .values({name: bindparam(f"to_{name}") for name in _CHANGING})
    .where(
        watches.c.tenant == bindparam("of_tenant"),
        watches.c.watch_id == bindparam("of_watch"),
        watches.c.version == bindparam("seen"),
    )
)
_SELECT = select(watches).where(watches.c.tenant == bindparam("tenant"), watches.c.watch_id == bindparam("watch_id"))
_SELECT_OF_CONSUMER = (
    select(watches)
    .where(watches.c.tenant == bindparam("tenant"), watches.c.consumer == bindparam("consumer"))
    .order_by(watches.c.opened_ms.desc(), watches.c.watch_id)
    .limit(bindparam("rows"))
)
SELECT_DUE_WATCHES = (
    select(watches).where(watches.c.due_ms <= bindparam("now_ms")).order_by(watches.c.due_ms).limit(bindparam("rows"))
)
_COUNT_OPEN = select(func.count()).where(watches.c.tenant == bindparam("tenant"), watches.c.due_ms.is_not(None))


class WatchStore:
    """Reads and changes watches."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def open(self, watch: Watch, entry: Entry) -> bool:
        """Keep a new one, with its leaf of the log; False where the consumer watches the same already."""
        return await self._writer.submit(Amend((Step(_INSERT, _plain(watch)), _leaf(watch.tenant, entry)))) == 1

    async def move(self, watch: Watch, entry: Entry | None = None, also: Sequence[Step] = ()) -> bool:
        """Bring a watch, whose version is one above what was read, to what it is now; whether it was ours to do."""
        plain = _plain(watch)
        values: dict[str, Value] = {f"to_{name}": plain[name] for name in _CHANGING}
        values |= {"of_tenant": watch.tenant, "of_watch": watch.watch_id, "seen": watch.version - 1}
        leaves = () if entry is None else (_leaf(watch.tenant, entry),)
        return await self._writer.submit(Amend((Step(_MOVE, values), *leaves, *also))) == 1

    async def find(self, tenant: str, watch_id: str) -> Watch | None:
        """A tenant's watch."""
        row = await self._reader.row(_SELECT, tenant=tenant, watch_id=watch_id)
        return None if row is None else _watch(row)

    async def of_consumer(self, tenant: str, consumer: str) -> list[Watch]:
        """A consumer's watches, newest first."""
        rows = await self._reader.rows(_SELECT_OF_CONSUMER, tenant=tenant, consumer=consumer, rows=self._rows_max)
        return [_watch(row) for row in rows]

    async def due(self, now_ms: int, limit: int) -> list[Watch]:
        """Watches of all tenants whose time has come."""
        rows = await self._reader.rows(SELECT_DUE_WATCHES, now_ms=now_ms, rows=min(limit, self._rows_max))
        return [_watch(row) for row in rows]

    async def count_open(self, tenant: str) -> int:
        """How many a tenant has that are not over."""
        row = await self._reader.row(_COUNT_OPEN, tenant=tenant)
        return cast("int", row[0]) if row else 0


def _leaf(tenant: str, entry: Entry) -> Step:
    return Step(INSERT_LEAF, {"tenant": tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body})


def _plain(watch: Watch) -> dict[str, Value]:
    members = msgspec.structs.asdict(watch)
    return {name: str(value) if isinstance(value, str) else value for name, value in members.items()}


def _watch(row: Row) -> Watch:
    members: dict[str, Any] = dict(zip(Watch.__struct_fields__, row, strict=True))
    members["state"] = WatchState(members["state"])
    members["code"] = None if members["code"] is None else WatchCode(members["code"])
    return Watch(**members)

"""What was refused around proofs and reviews: counted by the hour, and the first of each hour in the log."""

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.tables import refusals
from broker.storage.unit_of_work import Amend, Step, Value, Write
from broker.storage.writer import GroupWriter


class Refusal(msgspec.Struct, frozen=True):
    """What was refused to whom within which hour; ``tenant`` and ``consumer`` are empty where nobody knows."""

    tenant: str
    consumer: str
    code: str
    hour_ms: int


_FIRST = insert(refusals).on_conflict_do_nothing()
_MORE = (
    update(refusals)
    .values(times=refusals.c.times + bindparam("more"), last_ms=bindparam("at_ms"))
    .where(
        refusals.c.tenant == bindparam("of_tenant"),
        refusals.c.consumer == bindparam("of_consumer"),
        refusals.c.code == bindparam("of_code"),
        refusals.c.hour_ms == bindparam("of_hour_ms"),
    )
)
_SELECT = (
    select(refusals.c.consumer, refusals.c.code, refusals.c.times)
    .where(refusals.c.tenant == bindparam("tenant"), refusals.c.hour_ms >= bindparam("since_ms"))
    .order_by(refusals.c.hour_ms, refusals.c.consumer, refusals.c.code)
    .limit(bindparam("rows"))
)


class RefusalStore:
    """Writes refusals, and reads them."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def first(self, refusal: Refusal, at_ms: int, entry: Entry) -> bool:
        """Write down the first of an hour, with its leaf; False where it is not the first. Then nothing was written."""
        row = {**_plain(refusal), "times": 1, "last_ms": at_ms}
        leaf: dict[str, Value] = {"tenant": refusal.tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body}
        return await self._writer.submit(Amend((Step(_FIRST, row), Step(INSERT_LEAF, leaf)))) == 1

    async def more(self, refusal: Refusal, times: int, at_ms: int) -> None:
        """Add to what was counted."""
        named = {f"of_{name}": value for name, value in _plain(refusal).items()}
        await self._writer.submit(Write((_MORE,), {**named, "more": times, "at_ms": at_ms}))

    async def since(self, tenant: str, since_ms: int) -> list[tuple[str, str, int]]:
        """Consumer, code and how often, of the hours from an instant on."""
        rows = await self._reader.rows(_SELECT, tenant=tenant, since_ms=since_ms, rows=self._rows_max)
        return [(str(row[0]), str(row[1]), int(row[2] or 0)) for row in rows]


def _plain(refusal: Refusal) -> dict[str, Value]:
    return msgspec.structs.asdict(refusal)

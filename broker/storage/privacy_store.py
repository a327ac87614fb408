"""Erasure, retention, restrictions of subjects, and the news of them."""

from typing import Any, cast

import msgspec

from broker.domain.privacy import ChangeOf, Erasure, RetentionMark, SubjectChange
from broker.storage import privacy_statements as sql
from broker.storage.ageing import AGEING, DELETE_PROMPTS, DELETE_REFUSALS
from broker.storage.consent_store import FORGET_SUBJECT
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.rights_store import FORGET_WORDS
from broker.storage.unit_of_work import Amend, Row, Step, Value, Write
from broker.storage.writer import GroupWriter

_FAR_MS = 2**62


class PrivacyStore:
    """Reads and changes what is kept for the sake of people; errors as in :class:`broker.storage.store.Store`."""

    def __init__(self, writer: GroupWriter, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def erase(self, erasure: Erasure, change: SubjectChange, entry: Entry, *, again: bool = False) -> bool:
        """Destroy the keys of a subject, with the row of the ledger, the leaf and the news; False if done before.

        ``again`` is for an erasure that a restored database is told of: what came after it stays.
        """
        whose = _whose(erasure, until_ms=erasure.erased_ms if again else _FAR_MS)
        unit = Amend(
            (
                Step(sql.INSERT_ERASURE, msgspec.structs.asdict(erasure)),
                Step(sql.DESTROY_KEYS, whose),
                *(Step(one, whose) for one in (*sql.CLEAR_REVIEWS, *FORGET_WORDS, *FORGET_SUBJECT)),
                leaf(erasure.tenant, entry),
                news(change),
            )
        )
        return await self._writer.submit(unit) != 0

    async def clear_page(self, erasure: Erasure, rows: int) -> int:
        """Take what was sealed out of ``rows`` checks of an erased subject; how many there were."""
        values = _whose(erasure, until_ms=erasure.erased_ms) | {"rows": rows}
        return cast("int", await self._writer.submit(Write(sql.CLEAR_PAGE, values)))

    async def cleared(self, erasure: Erasure, at_ms: int) -> None:
        """Note that nothing is left to be taken out."""
        values: dict[str, Value] = {"of_tenant": erasure.tenant, "of_erasure": erasure.erasure_id, "at_ms": at_ms}
        await self._writer.submit(Write((sql.MARK_CLEARED,), values))

    async def erasure(self, tenant: str, erasure_id: str) -> Erasure | None:
        """A row of the ledger."""
        row = await self._reader.row(sql.SELECT_ERASURE, tenant=tenant, erasure_id=erasure_id)
        return Erasure(*_fields(row)) if row else None

    async def erasures(self, tenant: str, rows: int) -> list[Erasure]:
        """A tenant's erasures, latest first."""
        found = await self._reader.rows(sql.SELECT_ERASURES_OF, tenant=tenant, rows=rows)
        return [Erasure(*_fields(row)) for row in found]

    async def uncleared(self, rows: int) -> list[Erasure]:
        """Erasures after which something is left to be taken out."""
        return [Erasure(*_fields(row)) for row in await self._reader.rows(sql.SELECT_UNCLEARED, rows=rows)]

    async def changes(self, since_ms: int, rows: int) -> list[SubjectChange]:
        """News of subjects of all tenants after an instant, oldest first."""
        found = await self._reader.rows(sql.SELECT_CHANGES, since_ms=since_ms, rows=rows)
        return [_change(row) for row in found]

    async def forget_changes(self, before_ms: int) -> None:
        """Delete old news."""
        await self._writer.submit(Write((sql.DELETE_CHANGES,), {"before_ms": before_ms}))

    async def tenants(self) -> list[str]:
        """All tenants."""
        return [_fields(row)[0] for row in await self._reader.rows(sql.SELECT_TENANTS)]

    async def marks(self, tenant: str) -> list[RetentionMark]:
        """How far the retention of each category has been enforced."""
        return [RetentionMark(*_fields(row)) for row in await self._reader.rows(sql.SELECT_MARKS, tenant=tenant)]

    async def page_end(self, mark: RetentionMark, from_ms: int, rows: int) -> int:
        """The instant before which about ``rows`` of a category lie from ``from_ms`` on; that of the mark at most."""
        period = _period(mark.tenant, from_ms, mark.until_ms)
        ends = [await self._reader.row(one.page_end, **period, rows=rows) for one in AGEING[mark.category]]
        # Defensive: more than a page within one millisecond must not stop the work for good.
        return min([max(_fields(row)[0], from_ms + 1) for row in ends if row], default=mark.until_ms)

    async def expire(self, mark: RetentionMark, from_ms: int) -> int:
        """Take what is over out of a period, and set the mark at its end; how many there were."""
        values = _period(mark.tenant, from_ms, mark.until_ms)
        ageing = AGEING[mark.category]
        counts = [await self._reader.row(one.how_many, **values) for one in ageing]
        put = Step(sql.PUT_MARK, msgspec.structs.asdict(mark))
        taken = [Step(statement, values) for one in ageing for statement in one.expire]
        await self._writer.submit(Amend((put, *taken)))
        return sum(int(_fields(row)[0]) for row in counts if row)

    async def forget_refusals(self, before_ms: int, now_ms: int) -> None:
        """Delete old counts of what was refused, and prompts whose time is over."""
        await self._writer.submit(Write((DELETE_REFUSALS,), {"before_ms": before_ms}))
        await self._writer.submit(Write((DELETE_PROMPTS,), {"now_ms": now_ms}))


def leaf(tenant: str, entry: Entry) -> Step:
    """A leaf of the log as part of a change."""
    return Step(INSERT_LEAF, {"tenant": tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body})


def news(change: SubjectChange) -> Step:
    """News for every node as part of a change."""
    return Step(sql.INSERT_CHANGE, msgspec.structs.asdict(change) | {"kind": change.kind.value})


def _whose(erasure: Erasure, *, until_ms: int) -> dict[str, Value]:
    return {"of_tenant": erasure.tenant, "of_subject": erasure.subject, "until_ms": until_ms}


def _period(tenant: str, from_ms: int, until_ms: int) -> dict[str, Value]:
    return {"of_tenant": tenant, "from_ms": from_ms, "until_ms": until_ms}


def _change(row: Row) -> SubjectChange:
    tenant, change_id, subject, kind, ref, at_ms = _fields(row)
    return SubjectChange(tenant, change_id, subject, ChangeOf(kind), ref, at_ms)


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)

"""Reviews, durably; a leaf of the log for each thing that happens to one."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from broker.domain.review import QueueFilter, Review, ReviewState, Ruling, RulingCode
from broker.storage import review_statements as sql
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter


class Place(msgspec.Struct, frozen=True):
    """A place in the queue: after a review that was opened at that instant."""

    opened_ms: int = 0
    review_id: str = ""


class Standing(msgspec.Struct, frozen=True):
    """How a check stands: how often it has settled again, and whether anything is open that may make it do so."""

    revision: int
    pending: bool


class PastAsking(msgspec.Struct, frozen=True):
    """What somebody asked about a subject earlier, what was decided, and what it turned out to be."""

    check_id: str
    settled_ms: int
    consumer: str
    agent: str | None
    action_type: str
    action_class: str
    decision: str
    outcome: str | None


class ReviewStore:
    """Reads and changes a tenant's reviews. Of several changes of one version, on any node, exactly one succeeds."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def open(self, review: Review, entry: Entry, also: Sequence[Step] = ()) -> bool:
        """Put a review in the queue; False where its check has one already. Then nothing was written."""
        return await self._amend(Step(sql.INSERT_REVIEW, _plain(review)), review.tenant, entry, also)

    async def move(self, review: Review, entry: Entry | None, also: Sequence[Step] = ()) -> bool:
        """Bring a review, whose version is one above what was read, to what it is now; False where another was quicker.

        ``also`` are statements that belong to the same change.
        """
        plain = _plain(review)
        changed = {f"to_{name}": plain[name] for name in sql.CHANGING}
        seen: dict[str, Value] = {
            "of_tenant": review.tenant,
            "of_review": review.review_id,
            "seen": review.version - 1,
        }
        return await self._amend(Step(sql.MOVE_REVIEW, changed | seen), review.tenant, entry, also)

    async def find(self, tenant: str, review_id: str) -> Review | None:
        """A tenant's review, ``None`` where it has none of that id."""
        row = await self._reader.row(sql.SELECT_REVIEW, tenant=tenant, review_id=review_id)
        return _review(row) if row else None

    async def of_check(self, tenant: str, check_id: str) -> Review | None:
        """The review of a check, ``None`` where nobody wanted one."""
        row = await self._reader.row(sql.SELECT_REVIEW_OF_CHECK, tenant=tenant, check_id=check_id)
        return _review(row) if row else None

    async def queue(self, tenant: str, wanted: QueueFilter, after: Place, limit: int) -> list[Review]:
        """A page of a tenant's reviews, oldest first."""
        rows = await self._reader.rows(
            sql.SELECT_REVIEWS,
            tenant=tenant,
            after_ms=after.opened_ms,
            after_id=after.review_id,
            rows=min(limit, self._rows_max),
            **msgspec.structs.asdict(wanted),
        )
        return [_review(row) for row in rows]

    async def due(self, now_ms: int, limit: int) -> list[Review]:
        """Reviews of all tenants that the sweeper has to look at, the longest due first."""
        rows = await self._reader.rows(sql.SELECT_DUE_REVIEWS, now_ms=now_ms, rows=min(limit, self._rows_max))
        return [_review(row) for row in rows]

    async def open_about(self, tenant: str, subject: bytes, limit: int) -> int:
        """How many reviews about a subject are open, counted as far as ``limit``."""
        row = await self._reader.row(sql.COUNT_OPEN_ABOUT, tenant=tenant, subject=subject, rows=limit)
        return cast("int", row[0]) if row else 0

    async def standing(self, tenant: str, check_id: str) -> Standing:
        """How a check stands; an unknown one stands at nothing."""
        row = await self._reader.row(sql.SELECT_STANDING, tenant=tenant, check_id=check_id)
        return Standing(cast("int", row[0]), bool(row[1])) if row else Standing(0, pending=False)

    async def history(self, tenant: str, subject: bytes, limit: int) -> list[PastAsking]:
        """What was asked about a subject, latest first."""
        rows = await self._reader.rows(
            sql.SELECT_SUBJECT_HISTORY, tenant=tenant, subject=subject, rows=min(limit, self._rows_max)
        )
        return [PastAsking(*_fields(row)) for row in rows]

    async def _amend(self, guard: Step, tenant: str, entry: Entry | None, also: Sequence[Step]) -> bool:
        leaves = [] if entry is None else [_leaf(tenant, entry)]
        return await self._writer.submit(Amend((guard, *leaves, *also))) == 1


def _leaf(tenant: str, entry: Entry) -> Step:
    return Step(INSERT_LEAF, {"tenant": tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body})


def _plain(review: Review) -> dict[str, Value]:
    # A driver takes a text and not a subclass of it.
    members = msgspec.structs.asdict(review)
    return {name: str(value) if isinstance(value, str) else value for name, value in members.items()}


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)


def _review(row: Row) -> Review:
    members: dict[str, Any] = dict(zip(Review.__struct_fields__, _fields(row), strict=True))
    members["state"] = ReviewState(members["state"])
    for name, kind in (("ruling", Ruling), ("code", RulingCode)):
        members[name] = None if members[name] is None else kind(members[name])
    return Review(**members)

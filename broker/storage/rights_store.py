"""People's requests about their own data, and everything that is held about somebody."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import ColumnElement, Executable, LargeBinary, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.domain.outcome import OutcomeReport
from broker.domain.rights import RequestCode, RequestState, RightKind, SubjectRequest
from broker.storage.holdings import HOLDINGS
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry
from broker.storage.reader import Reader
from broker.storage.statements import INSERT_OUTCOME, literal
from broker.storage.tables import subject_requests
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

_CHANGING = (
    *("state", "version", "sealed", "due_ms", "extended_ms", "proof", "proofs", "proven_ms", "proven_by"),
    *("vouched_by", "closed_ms", "closed_by", "code"),
)
_INSERT = insert(subject_requests).on_conflict_do_nothing()
_MOVE = (
    update(subject_requests)
    .values({name: bindparam(f"to_{name}") for name in _CHANGING})
    .where(
        subject_requests.c.tenant == bindparam("of_tenant"),
        subject_requests.c.request_id == bindparam("of_request"),
        subject_requests.c.version == bindparam("seen"),
    )
)
_OURS = subject_requests.c.tenant == bindparam("tenant")
_SELECT = select(subject_requests).where(_OURS, subject_requests.c.request_id == bindparam("request_id"))
_OF_CHECK = (
    select(subject_requests)
    .where(_OURS, subject_requests.c.about == bindparam("about"))
    .order_by(subject_requests.c.opened_ms)
    .limit(bindparam("rows"))
)
_LIST = (
    select(subject_requests)
    .where(
        _OURS,
        or_(bindparam("state") == literal(""), subject_requests.c.state == bindparam("state")),
        or_(
            subject_requests.c.due_ms > bindparam("after_ms"),
            and_(
                subject_requests.c.due_ms == bindparam("after_ms"),
                subject_requests.c.request_id > bindparam("after_id"),
            ),
        ),
    )
    .order_by(subject_requests.c.due_ms, subject_requests.c.request_id)
    .limit(bindparam("rows"))
)
SELECT_LAPSED = (
    select(subject_requests)
    .where(
        subject_requests.c.closed_ms.is_(None),
        subject_requests.c.state == literal("unproven"),
        subject_requests.c.lapses_ms <= bindparam("now_ms"),
    )
    .limit(bindparam("rows"))
)
_OVERDUE = (
    select(subject_requests.c.request_id)
    .where(subject_requests.c.closed_ms.is_(None), subject_requests.c.due_ms <= bindparam("now_ms"))
    .limit(bindparam("rows"))
    .subquery()
)
COUNT_OVERDUE = select(func.count()).select_from(_OVERDUE)


def _count_lately(*where: ColumnElement[bool]) -> Any:
    lately = (
        select(subject_requests.c.request_id)
        .where(_OURS, subject_requests.c.opened_ms >= bindparam("since_ms"), *where)
        .limit(bindparam("rows"))
        .subquery()
    )
    return select(func.count()).select_from(lately)


_COUNT_ABOUT = _count_lately(subject_requests.c.subject == bindparam("subject"))
_COUNT_BY = _count_lately(subject_requests.c.opened_by == bindparam("opened_by"))

FORGET_WORDS = (
    update(subject_requests)
    .values(sealed=bindparam("nothing", b"", LargeBinary))
    .where(subject_requests.c.tenant == bindparam("of_tenant"), subject_requests.c.subject == bindparam("of_subject")),
)
"""Part of an erasure: what people wrote goes, that they asked and when stays."""


class RightsStore:
    """Reads and changes requests. Of several changes of one version, on any node, exactly one succeeds."""

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def open(self, request: SubjectRequest, entry: Entry, also: Sequence[Step] = ()) -> None:
        """Keep a new one, with its leaf of the log."""
        await self._writer.submit(Amend((Step(_INSERT, _plain(request)), _leaf(request.tenant, entry), *also)))

    async def move(self, request: SubjectRequest, entry: Entry | None = None, also: Sequence[Step] = ()) -> bool:
        """Bring a request, whose version is one above what was read, to what it is now; whether it was ours to do."""
        plain = _plain(request)
        values: dict[str, Value] = {f"to_{name}": plain[name] for name in _CHANGING}
        values |= {"of_tenant": request.tenant, "of_request": request.request_id, "seen": request.version - 1}
        leaves = () if entry is None else (_leaf(request.tenant, entry),)
        return await self._writer.submit(Amend((Step(_MOVE, values), *leaves, *also))) == 1

    async def find(self, tenant: str, request_id: str) -> SubjectRequest | None:
        """A tenant's request."""
        row = await self._reader.row(_SELECT, tenant=tenant, request_id=request_id)
        return None if row is None else _request(row)

    async def about(self, tenant: str, check_id: str) -> list[SubjectRequest]:
        """Disputes and corrections of a check, oldest first."""
        rows = await self._reader.rows(_OF_CHECK, tenant=tenant, about=check_id, rows=self._rows_max)
        return [_request(row) for row in rows]

    async def page(self, tenant: str, state: str, after: tuple[int, str], limit: int) -> list[SubjectRequest]:
        """A page of a tenant's requests, the one that is due first at the head; an empty state means any."""
        rows = await self._reader.rows(
            _LIST, tenant=tenant, state=state, after_ms=after[0], after_id=after[1], rows=min(limit, self._rows_max)
        )
        return [_request(row) for row in rows]

    async def lapsed(self, now_ms: int, limit: int) -> list[SubjectRequest]:
        """Requests of all tenants that nobody proved in time."""
        rows = await self._reader.rows(SELECT_LAPSED, now_ms=now_ms, rows=min(limit, self._rows_max))
        return [_request(row) for row in rows]

    async def overdue(self, now_ms: int) -> int:
        """How many requests of all tenants wait for an answer that is overdue, counted as far as a page goes."""
        row = await self._reader.row(COUNT_OVERDUE, now_ms=now_ms, rows=self._rows_max)
        return cast("int", row[0]) if row else 0

    async def lately_about(self, tenant: str, subject: bytes, since_ms: int, limit: int) -> int:
        """How many a person has opened since an instant, counted as far as ``limit``."""
        row = await self._reader.row(_COUNT_ABOUT, tenant=tenant, subject=subject, since_ms=since_ms, rows=limit)
        return cast("int", row[0]) if row else 0

    async def lately_by(self, tenant: str, opened_by: str, since_ms: int, limit: int) -> int:
        """How many a consumer has opened since an instant, counted as far as ``limit``."""
        row = await self._reader.row(_COUNT_BY, tenant=tenant, opened_by=opened_by, since_ms=since_ms, rows=limit)
        return cast("int", row[0]) if row else 0

    async def held(self, tenant: str, subject: bytes, limit: int) -> dict[str, list[dict[str, Value]]]:
        """What each table holds about somebody, newest first, at most ``limit`` rows of each."""
        found = {}
        for name, query in HOLDINGS.items():
            columns = [column.name for column in cast("Any", query).selected_columns]
            rows = await self._all(query, tenant, subject, limit)
            found[name] = [dict(zip(columns, row, strict=True)) for row in rows]
        return found

    async def _all(self, query: Executable, tenant: str, subject: bytes, limit: int) -> list[Row]:
        """Page by page. A row that comes meanwhile moves others down, which are then read twice and told once."""
        found: dict[Row, None] = {}
        skip = 0
        while skip < limit:
            wanted = min(self._rows_max, limit - skip)
            page = await self._reader.rows(query, tenant=tenant, subject=subject, rows=wanted, skip=skip)
            found |= dict.fromkeys(tuple(row) for row in page)
            skip += len(page)
            if len(page) < wanted:
                break
        return list(found)


def add_outcome(report: OutcomeReport) -> Step:
    """What a check turned out to be, as part of a change."""
    values: dict[str, Value] = {
        "tenant": report.tenant,
        "check_id": report.check_id,
        "reported_ms": int(report.reported_at.timestamp() * 1000),
        "outcome": report.outcome.value,
        "found_ms": int(report.found_at.timestamp() * 1000),
        "consumer": report.consumer,
        "key_id": report.key_id,
    }
    return Step(INSERT_OUTCOME, values)


def _leaf(tenant: str, entry: Entry) -> Step:
    return Step(INSERT_LEAF, {"tenant": tenant, "entry": entry.id, "hash": entry.hash, "leaf": entry.body})


def _plain(request: SubjectRequest) -> dict[str, Value]:
    # A driver takes a text and not a subclass of it.
    members = msgspec.structs.asdict(request)
    return {name: str(value) if isinstance(value, str) else value for name, value in members.items()}


def _request(row: Row) -> SubjectRequest:
    members: dict[str, Any] = dict(zip(SubjectRequest.__struct_fields__, row, strict=True))
    members["kind"], members["state"] = RightKind(members["kind"]), RequestState(members["state"])
    members["code"] = None if members["code"] is None else RequestCode(members["code"])
    return SubjectRequest(**members)

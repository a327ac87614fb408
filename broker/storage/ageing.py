"""Queries and writes of retention: which rows of a category of data grow old by what, and what takes them away."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)

from broker.storage.privacy_statements import FORGOTTEN, NOTHING
from broker.storage.tables import (
    challenges,
    check_revisions,
    checks,
    evidence,
    open_prompts,
    refusals,
    reviews,
    subject_requests,
)


class Ageing(NamedTuple):
    """Rows that grow old: where a page of so many ends, how many there are, and what takes them away."""

    page_end: Executable
    how_many: Executable
    expire: tuple[Executable, ...]


def _over(table: Table, at: str) -> tuple[ColumnElement[bool], ...]:
    period = (table.c[at] >= bindparam("from_ms"), table.c[at] < bindparam("until_ms"))
    return (table.c.tenant == bindparam("of_tenant"), *period)


def _ageing(table: Table, at: str, expire: tuple[Executable, ...] = (), *conditions: ColumnElement[bool]) -> Ageing:
    over = (*_over(table, at), *conditions)
    page_end = select(table.c[at]).where(*over).order_by(table.c[at]).limit(literal_column("1"))
    count = select(func.count()).select_from(table).where(*over)
    return Ageing(page_end.offset(bindparam("rows")), count, expire or (delete(table).where(*over),))


_CHECKS = select(checks.c.tenant, checks.c.check_id).where(*_over(checks, "settled_ms"))
_OF_CHECKS = tuple_(check_revisions.c.tenant, check_revisions.c.check_id).in_(_CHECKS)
_EVIDENCE = (
    update(evidence).values(payload=NOTHING).where(tuple_(evidence.c.tenant, evidence.c.check_id).in_(_CHECKS)),
    update(check_revisions).values(evidence=NOTHING).where(_OF_CHECKS),
)
_RECORDS = (
    update(check_revisions).values(record=NOTHING).where(_OF_CHECKS),
    update(checks).values(**FORGOTTEN).where(*_over(checks, "settled_ms")),
)
AGEING: Mapping[str, tuple[Ageing, ...]] = {
    "evidence": (_ageing(checks, "settled_ms", _EVIDENCE),),
    "records": (_ageing(checks, "settled_ms", _RECORDS),),
    # What its check has not followed yet is not over.
    "proofs": tuple(_ageing(table, "closed_ms", (), table.c.due_ms.is_(None)) for table in (challenges, reviews)),
    "requests": (_ageing(subject_requests, "closed_ms"),),
}
"""What each category of data is in the tables."""

DELETE_REFUSALS = delete(refusals).where(refusals.c.hour_ms < bindparam("before_ms"))
DELETE_PROMPTS = delete(open_prompts).where(open_prompts.c.until_ms < bindparam("now_ms"))

"""Queries and writes of erasure, retention and news of subjects; text as in :mod:`statements`."""

from sqlalchemy import BindParameter, LargeBinary, bindparam, delete, func, literal_column, null, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.statements import literal
from broker.storage.tables import (
    check_revisions,
    checks,
    erasures,
    evidence,
    idempotency,
    retention_marks,
    reviews,
    subject_changes,
    subject_keys,
    tenants,
)

INSERT_ERASURE = insert(erasures).on_conflict_do_nothing()
"""The guard of an erasure: done again under the same id, it touches nothing."""

SELECT_ERASURE = select(erasures).where(
    erasures.c.tenant == bindparam("tenant"), erasures.c.erasure_id == bindparam("erasure_id")
)
SELECT_ERASURES_OF = (
    select(erasures)
    .where(erasures.c.tenant == bindparam("tenant"))
    .order_by(erasures.c.erased_ms.desc(), erasures.c.erasure_id)
    .limit(bindparam("rows"))
)

SELECT_UNCLEARED = (
    select(erasures).where(erasures.c.cleared_ms.is_(None)).order_by(erasures.c.erasure_id).limit(bindparam("rows"))
)
MARK_CLEARED = (
    update(erasures)
    .values(cleared_ms=bindparam("at_ms"))
    .where(erasures.c.tenant == bindparam("of_tenant"), erasures.c.erasure_id == bindparam("of_erasure"))
)

# Of a subject that came back after it was erased, the keys that it has since stay: for an erasure that is told again.
DESTROY_KEYS = delete(subject_keys).where(
    subject_keys.c.tenant == bindparam("of_tenant"),
    subject_keys.c.subject == bindparam("of_subject"),
    subject_keys.c.created_ms <= bindparam("until_ms"),
)

_empty = literal("")
_nothing: BindParameter[bytes] = bindparam("nothing", b"", LargeBinary)

_PAGE = (
    select(checks.c.tenant, checks.c.check_id)
    .where(
        checks.c.tenant == bindparam("of_tenant"),
        checks.c.subject == bindparam("of_subject"),
        checks.c.settled_ms <= bindparam("until_ms"),
        func.length(checks.c.record) > 0,
    )
    .order_by(checks.c.settled_ms, checks.c.check_id)
    .limit(bindparam("rows"))
)
_FORGOTTEN = {
    "record": _nothing,
    "trust_score": null(),
    "amount": null(),
    "currency": null(),
    "conversation_id": null(),
}
CLEAR_PAGE = (
    update(check_revisions)
    .values(record=_nothing, evidence=_nothing)
    .where(tuple_(check_revisions.c.tenant, check_revisions.c.check_id).in_(_PAGE)),
    update(evidence).values(payload=_nothing).where(tuple_(evidence.c.tenant, evidence.c.check_id).in_(_PAGE)),
    delete(idempotency).where(
        idempotency.c.state == literal("done"), tuple_(idempotency.c.tenant, idempotency.c.check_id).in_(_PAGE)
    ),
    update(checks).values(**_FORGOTTEN).where(tuple_(checks.c.tenant, checks.c.check_id).in_(_PAGE)),
)
"""What a subject's checks held, a page at a time; the last one tells how many, and takes them out of the next page."""

_HIS_REVIEWS = (reviews.c.tenant == bindparam("of_tenant"), reviews.c.subject == bindparam("of_subject"))
CLEAR_REVIEWS = (
    update(reviews).values(justification=_empty).where(*_HIS_REVIEWS),
    update(reviews).values(reason=_empty).where(*_HIS_REVIEWS, reviews.c.reason.is_not(None)),
)

INSERT_CHANGE = insert(subject_changes)
SELECT_CHANGES = (
    select(subject_changes)
    .where(subject_changes.c.at_ms > bindparam("since_ms"))
    .order_by(subject_changes.c.at_ms, subject_changes.c.change_id)
    .limit(bindparam("rows"))
)
DELETE_CHANGES = delete(subject_changes).where(subject_changes.c.at_ms < bindparam("before_ms"))

SELECT_TENANTS = select(tenants.c.tenant).order_by(tenants.c.tenant)
SELECT_MARKS = (
    select(retention_marks).where(retention_marks.c.tenant == bindparam("tenant")).order_by(retention_marks.c.category)
)
_mark = insert(retention_marks)
PUT_MARK = _mark.on_conflict_do_update(
    index_elements=list(retention_marks.primary_key),
    set_={name: _mark.excluded[name] for name in ("until_ms", "ran_ms")},
)

_IN_TIME = (
    checks.c.tenant == bindparam("of_tenant"),
    checks.c.settled_ms >= bindparam("from_ms"),
    checks.c.settled_ms < bindparam("until_ms"),
)
SELECT_PAGE_END = (
    select(checks.c.settled_ms)
    .where(*_IN_TIME)
    .order_by(checks.c.settled_ms)
    .limit(literal_column("1"))
    .offset(bindparam("rows"))
)
"""The instant at which a page of so many checks ends; no row where fewer are left."""

_CHECKS_IN_TIME = select(checks.c.tenant, checks.c.check_id).where(*_IN_TIME)
_revisions_in_time = tuple_(check_revisions.c.tenant, check_revisions.c.check_id).in_(_CHECKS_IN_TIME)
EXPIRE_EVIDENCE = (
    update(evidence)
    .values(payload=_nothing)
    .where(tuple_(evidence.c.tenant, evidence.c.check_id).in_(_CHECKS_IN_TIME)),
    update(check_revisions).values(evidence=_nothing).where(_revisions_in_time),
)
EXPIRE_RECORDS = (
    update(check_revisions).values(record=_nothing).where(_revisions_in_time),
    update(checks).values(**_FORGOTTEN).where(*_IN_TIME),
)
SELECT_COUNT = select(func.count()).select_from(checks).where(*_IN_TIME)

"""Queries and writes of erasure, retention and news of subjects; text as in :mod:`statements`."""

from sqlalchemy import BindParameter, LargeBinary, bindparam, delete, func, null, select, tuple_, update
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
NOTHING: BindParameter[bytes] = bindparam("nothing", b"", LargeBinary)

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
FORGOTTEN = {
    "record": NOTHING,
    "trust_score": null(),
    "amount": null(),
    "currency": null(),
    "conversation_id": null(),
}
CLEAR_PAGE = (
    update(check_revisions)
    .values(record=NOTHING, evidence=NOTHING)
    .where(tuple_(check_revisions.c.tenant, check_revisions.c.check_id).in_(_PAGE)),
    update(evidence).values(payload=NOTHING).where(tuple_(evidence.c.tenant, evidence.c.check_id).in_(_PAGE)),
    delete(idempotency).where(
        idempotency.c.state == literal("done"), tuple_(idempotency.c.tenant, idempotency.c.check_id).in_(_PAGE)
    ),
    update(checks).values(**FORGOTTEN).where(tuple_(checks.c.tenant, checks.c.check_id).in_(_PAGE)),
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

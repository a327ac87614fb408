"""One question about a subject's recent checks, answered out of indexes alone and at a cost that has a maximum.

Whoever floods the broker with checks of one person must not make the next one dear. So nothing here reads a check: the
latest of each class and the latest refusals are the ends of index ranges, and allowed amounts are counted by amount,
the newest ones only.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, func, null, select, union_all

from broker.domain.decision import ActionClass, Outcome
from broker.storage.records import SubjectPast
from broker.storage.statements import literal
from broker.storage.tables import checks
from broker.storage.tables.checking import ALLOWED, REFUSED, TOLD
from broker.storage.unit_of_work import Row

_NOTHING = cast(null(), BigInteger)
_KIND_CLASS, _KIND_REFUSED, _KIND_ALLOWED = "class", "refused", "allowed"


def _about(*more: Any) -> tuple[Any, ...]:
    return (checks.c.tenant == bindparam("tenant"), checks.c.subject == bindparam("subject"), TOLD, *more)


def _latest(kind: str, word: str, *where: Any) -> Any:
    """The instant of the latest check of a kind; without one, a row that says so."""
    latest = func.max(checks.c.settled_ms)
    return select(literal(kind), literal(word), _NOTHING, latest).where(*_about(*where))


def _of_class(name: str) -> Any:
    since = checks.c.settled_ms >= bindparam("classes_since_ms")
    return _latest(_KIND_CLASS, name, checks.c.action_class == literal(name), since)


def _refused(decision: str) -> Any:
    of_it = checks.c.action_digest == bindparam("action_digest")
    since = checks.c.settled_ms >= bindparam("refusals_since_ms")
    return _latest(_KIND_REFUSED, decision, REFUSED, of_it, checks.c.decision == literal(decision), since)


def _allowed() -> Any:
    newest = (
        select(checks.c.amount)
        .where(
            *_about(
                ALLOWED,
                checks.c.action_type == bindparam("action_type"),
                checks.c.currency == bindparam("currency"),
                # An amount leaves the window at its very end, as it does in the rule.
                checks.c.settled_ms > bindparam("allowed_since_ms"),
            )
        )
        .order_by(checks.c.settled_ms.desc())
        .limit(bindparam("rows"))
        .subquery("newest")
    )
    return select(literal(_KIND_ALLOWED), newest.c.amount, func.count(), _NOTHING).group_by(newest.c.amount)


SELECT_PAST = union_all(
    *(_of_class(one.wire) for one in ActionClass),
    *(_refused(one.wire) for one in (Outcome.REVIEW, Outcome.DENY)),
    _allowed(),
)
"""Rows of kind, word, count and instant; of the latter two a kind has one."""


def past(rows: Iterable[Row]) -> SubjectPast:
    """What the rows of :data:`SELECT_PAST` say."""
    classes: list[str] = []
    refusals: list[tuple[str, int]] = []
    allowed: list[tuple[str, int]] = []
    for kind, word, count, at_ms in rows:
        if kind == _KIND_ALLOWED:
            allowed.append((str(word), int(count or 0)))
        elif at_ms is not None:
            if kind == _KIND_CLASS:
                classes.append(str(word))
            else:
                refusals.append((str(word), int(at_ms)))
    return SubjectPast(tuple(classes), tuple(refusals), tuple(allowed))

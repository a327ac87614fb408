"""Ordinary queries in SQLAlchemy Core, and how any statement becomes text for a driver.

The engine of SQLAlchemy stays out of the way: a statement is compiled once per back end and then run by the driver, for
an engine's own work on each call costs many times what the call itself does. PostgreSQL's ``insert`` is used for both
databases where nothing more than "on conflict do nothing" is asked of it: SQLite's compiler spells that alike.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Dialect

from broker.storage.tables import (
    api_keys,
    checks,
    evidence,
    idempotency,
    intents,
    log_leaves,
    outcomes,
    pending_authentications,
    root_key,
    schema_revision,
    tenants,
)
from broker.storage.unit_of_work import Value


class Prepared(NamedTuple):
    """A statement as a driver takes it: text, its parameters' names in the driver's order, and those with a value."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Value]

    def arguments(self, values: Mapping[str, Value]) -> list[Value]:
        """The values in the driver's order; those that the statement does not use are left out."""
        return [values[name] if name in values else self.constants[name] for name in self.names]


def prepare(statement: Executable, dialect: Dialect) -> Prepared:
    """Compile a statement for a dialect with positional parameters."""
    if not isinstance(statement, ClauseElement):
        raise TypeError("only statements of SQLAlchemy Core can be compiled")
    compiled: Any = statement.compile(dialect=dialect)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return Prepared(str(compiled), tuple(compiled.positiontup or ()), constants)


def literal(text: str) -> ColumnElement[str]:
    """A constant of ours inside a statement. Never for anything that came from outside."""
    return literal_column(f"'{text}'")


def claimable(new: Any) -> ColumnElement[bool]:
    """Whether the row in a claim's way gives way: it has expired, or it is the same request and its lease is over.

    ``new`` are the columns of the row that could not be inserted.
    """
    old = idempotency.c
    return or_(
        old.expires_ms <= new.claimed_ms,
        and_(
            old.state == literal("running"),
            old.lease_until_ms <= new.claimed_ms,
            old.fingerprint == new.fingerprint,
        ),
    )


_LATER = outcomes.alias("later")

SELECT_CHECK = (
    select(
        checks.c.tenant,
        checks.c.check_id,
        checks.c.status,
        checks.c.consumer,
        checks.c.agent,
        checks.c.started_ms,
        checks.c.settled_ms,
        checks.c.record,
        evidence.c.payload,
        log_leaves.c.seq,
        log_leaves.c.leaf_hash,
        checks.c.subject,
    )
    .join(evidence, and_(evidence.c.tenant == checks.c.tenant, evidence.c.check_id == checks.c.check_id))
    .join(log_leaves, and_(log_leaves.c.tenant == checks.c.tenant, log_leaves.c.check_id == checks.c.check_id))
    .where(checks.c.tenant == bindparam("tenant"), checks.c.check_id == bindparam("check_id"))
)
"""One check in the order of :class:`broker.storage.records.StoredCheck`."""

_LAST_WORD = (
    select(outcomes.c.check_id, outcomes.c.outcome, outcomes.c.found_ms)
    .where(outcomes.c.tenant == bindparam("tenant"))
    .where(
        outcomes.c.reported_ms
        == select(func.max(_LATER.c.reported_ms))
        .where(_LATER.c.tenant == outcomes.c.tenant, _LATER.c.check_id == outcomes.c.check_id)
        .scalar_subquery()
    )
    .subquery("last_word")
)

SELECT_JOURNEY = (
    select(checks.c.check_id, checks.c.subject, checks.c.settled_ms, checks.c.record, evidence.c.payload)
    .join(evidence, and_(evidence.c.tenant == checks.c.tenant, evidence.c.check_id == checks.c.check_id))
    .where(
        checks.c.tenant == bindparam("tenant"),
        checks.c.conversation_id == bindparam("conversation"),
        checks.c.settled_ms >= bindparam("since_ms"),
        checks.c.status == literal("settled"),
    )
    .order_by(checks.c.settled_ms.desc())
    .limit(bindparam("rows"))
)
"""The newest checks of a conversation, in the order of a :class:`broker.storage.records.JourneyStep`."""

SELECT_HISTORY = (
    select(
        checks.c.check_id,
        checks.c.settled_ms,
        checks.c.record,
        evidence.c.payload,
        _LAST_WORD.c.outcome,
        _LAST_WORD.c.found_ms,
        checks.c.subject,
    )
    .join(evidence, and_(evidence.c.tenant == checks.c.tenant, evidence.c.check_id == checks.c.check_id))
    .outerjoin(_LAST_WORD, _LAST_WORD.c.check_id == checks.c.check_id)
    .where(
        checks.c.tenant == bindparam("tenant"),
        checks.c.status == literal("settled"),
        checks.c.settled_ms < bindparam("until_ms"),
        tuple_(checks.c.settled_ms, checks.c.check_id) > tuple_(bindparam("after_ms"), bindparam("after_id")),
    )
    .order_by(checks.c.settled_ms, checks.c.check_id)
    .limit(bindparam("rows"))
)
"""Settled checks of a tenant in order of time, in the order of :class:`broker.storage.records.PastCheck`."""

SELECT_EXPIRED_INTENTS = (
    select(intents)
    .where(intents.c.abandon_after_ms <= bindparam("now_ms"))
    .order_by(intents.c.abandon_after_ms, intents.c.tenant, intents.c.check_id)
    .limit(bindparam("rows"))
)

SELECT_KEY = select(api_keys).where(api_keys.c.key_id == bindparam("key_id"))
"""One key in the order of :class:`broker.storage.records.ApiKey`, as the table itself is."""

SELECT_KEYS = (
    select(api_keys)
    .where(api_keys.c.tenant == bindparam("tenant"))
    .order_by(api_keys.c.created_ms, api_keys.c.key_id)
    .limit(bindparam("rows"))
)

INSERT_TENANT = (
    insert(tenants).values(tenant=bindparam("tenant"), created_ms=bindparam("created_ms")).on_conflict_do_nothing()
)

INSERT_KEY = insert(api_keys).on_conflict_do_nothing()

# The first revocation counts: repeating it must not move the instant from which the key was known to be bad.
EXPIRE_KEY = (
    update(api_keys)
    .values(
        expires_ms=case((api_keys.c.expires_ms < bindparam("at_ms"), api_keys.c.expires_ms), else_=bindparam("at_ms"))
    )
    .where(api_keys.c.tenant == bindparam("tenant"), api_keys.c.key_id == bindparam("key_id"))
)
"""End a key at an instant, or earlier where it ends earlier anyway."""

REVOKE_KEY = (
    update(api_keys)
    .values(revoked_ms=func.coalesce(api_keys.c.revoked_ms, bindparam("at_ms")))
    .where(api_keys.c.tenant == bindparam("tenant"), api_keys.c.key_id == bindparam("key_id"))
)

# Two reports in one millisecond: the later one counts, as it would a millisecond later.
_REPORT = insert(outcomes)
INSERT_OUTCOME = _REPORT.on_conflict_do_update(
    index_elements=list(outcomes.primary_key),
    set_={name: _REPORT.excluded[name] for name in ("outcome", "found_ms", "consumer", "key_id")},
)

SELECT_OUTCOMES = (
    select(outcomes)
    .where(outcomes.c.tenant == bindparam("tenant"), outcomes.c.check_id == bindparam("check_id"))
    .order_by(outcomes.c.reported_ms)
    .limit(bindparam("rows"))
)
"""Reports about one check, oldest first."""

DELETE_EXPIRED_CLAIMS = delete(idempotency).where(
    tuple_(*idempotency.primary_key).in_(
        select(*idempotency.primary_key).where(idempotency.c.expires_ms <= bindparam("now_ms")).limit(bindparam("rows"))
    )
)

SELECT_PENDING = select(pending_authentications.c.version, pending_authentications.c.body).where(
    pending_authentications.c.tenant == bindparam("tenant"), pending_authentications.c.key == bindparam("key")
)

INSERT_PENDING = insert(pending_authentications).on_conflict_do_nothing()

_SEEN_PENDING = (
    pending_authentications.c.tenant == bindparam("of_tenant"),
    pending_authentications.c.key == bindparam("of_key"),
    pending_authentications.c.version == bindparam("seen"),
)

UPDATE_PENDING = (
    update(pending_authentications)
    .values(version=bindparam("to_version"), body=bindparam("to_body"), until_ms=bindparam("to_until_ms"))
    .where(*_SEEN_PENDING)
)

DELETE_PENDING = delete(pending_authentications).where(*_SEEN_PENDING)

DELETE_FORGOTTEN = delete(pending_authentications).where(
    tuple_(*pending_authentications.primary_key).in_(
        select(*pending_authentications.primary_key)
        .where(pending_authentications.c.until_ms <= bindparam("now_ms"))
        .limit(bindparam("rows"))
    )
)

INSERT_ROOT_KEY = insert(root_key).on_conflict_do_nothing()

SELECT_ROOT_KEY = select(root_key.c.fingerprint)

SELECT_REVISION = select(schema_revision.c.version_num)

# A write that changes nothing and yet goes the whole way to the disk, so that "ready" means "can record".
PROBE = update(schema_revision).values(version_num=schema_revision.c.version_num)

"""Units of work on SQLite: one after the other on one connection, inside a transaction that the caller holds."""

from operator import attrgetter
from sqlite3 import Connection
from typing import Any

from sqlalchemy import BindParameter, Executable, bindparam, delete, null, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from broker.errors import Conflict
from broker.storage.event_statements import PUT_EVENT
from broker.storage.records import BeginOutcome, Begun, CheckCommit, IdempotencyClaim, Intent
from broker.storage.statements import Prepared, claimable, literal, prepare
from broker.storage.tables import checks, evidence, idempotency, intents, log_leaves, metering, subject_keys
from broker.storage.unit_of_work import (
    ALREADY_SETTLED,
    Amend,
    Begin,
    Outcome,
    Release,
    Settle,
    Step,
    Unit,
    Write,
    judge,
)


def _claim() -> Executable:
    insert = sqlite.insert(idempotency).values(
        tenant=bindparam("tenant"),
        endpoint=bindparam("endpoint"),
        key=bindparam("key"),
        fingerprint=bindparam("fingerprint"),
        check_id=bindparam("check_id"),
        state=literal("running"),
        claimed_ms=bindparam("now_ms"),
        lease_until_ms=bindparam("lease_until_ms"),
        expires_ms=bindparam("expires_ms"),
    )
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=list(idempotency.primary_key),
        set_={
            "fingerprint": new.fingerprint,
            "check_id": new.check_id,
            "state": new.state,
            "claimed_ms": new.claimed_ms,
            "lease_until_ms": new.lease_until_ms,
            "status": null(),
            "response": null(),
            "expires_ms": new.expires_ms,
        },
        where=claimable(new),
    )


_OURS = (
    idempotency.c.tenant == bindparam("tenant"),
    idempotency.c.endpoint == bindparam("endpoint"),
    idempotency.c.key == bindparam("key"),
    idempotency.c.check_id == bindparam("check_id"),
    idempotency.c.state == literal("running"),
)

_RIVAL = select(
    idempotency.c.fingerprint,
    idempotency.c.check_id,
    idempotency.c.state,
    idempotency.c.lease_until_ms,
    idempotency.c.status,
    idempotency.c.response,
).where(*_OURS[:3])


class _FromRecord:
    """A statement whose parameters are all attributes of one record, read in the driver's order in one call."""

    def __init__(self, statement: Executable, dialect: SQLiteDialect) -> None:
        prepared = prepare(statement, dialect)
        self._sql = prepared.sql
        self._arguments: Any = attrgetter(*prepared.names)

    def run(self, connection: Connection, record: object) -> int:
        """How many rows it touched."""
        return connection.execute(self._sql, self._arguments(record)).rowcount


class SqliteUnits:
    """The statements of every kind of unit, compiled once."""

    def __init__(self) -> None:
        self._dialect = SQLiteDialect(paramstyle="qmark")
        self._ordinary: dict[Executable, Prepared] = {}
        one_check: tuple[BindParameter[str], ...] = (bindparam("tenant"), bindparam("check_id"))
        self._insert_intent = _FromRecord(sqlite.insert(intents), self._dialect)
        self._claim = _FromRecord(_claim(), self._dialect)
        self._rival = prepare(_RIVAL, self._dialect)
        self._release = _FromRecord(delete(idempotency).where(*_OURS), self._dialect)
        self._insert_check = _FromRecord(sqlite.insert(checks).on_conflict_do_nothing(), self._dialect)
        self._insert_evidence = _FromRecord(
            sqlite.insert(evidence).values(dict(zip(evidence.c, (*one_check, bindparam("evidence")), strict=True))),
            self._dialect,
        )
        self._insert_key = _FromRecord(sqlite.insert(subject_keys).on_conflict_do_nothing(), self._dialect)
        self._insert_leaf = _FromRecord(
            sqlite.insert(log_leaves).values(
                tenant=one_check[0],
                check_id=one_check[1],
                leaf_hash=bindparam("leaf_hash"),
                body=bindparam("leaf_body"),
            ),
            self._dialect,
        )
        self._put_event = _FromRecord(PUT_EVENT, self._dialect)
        self._insert_metering = _FromRecord(
            sqlite.insert(metering).values(
                tenant=one_check[0],
                check_id=one_check[1],
                at_ms=bindparam("settled_ms"),
                consumer=bindparam("consumer"),
                agent=bindparam("agent"),
                calls=bindparam("calls"),
            ),
            self._dialect,
        )
        self._delete_intent = _FromRecord(
            delete(intents).where(intents.c.tenant == one_check[0], intents.c.check_id == one_check[1]), self._dialect
        )
        self._complete = prepare(
            update(idempotency)
            .values(state=literal("done"), status=bindparam("response_status"), response=bindparam("response"))
            .where(*_OURS),
            self._dialect,
        )

    def prepared(self, statement: Executable) -> Prepared:
        """An ordinary statement, compiled on first use; there is a fixed number of them."""
        known = self._ordinary.get(statement)
        if known is None:
            known = self._ordinary[statement] = prepare(statement, self._dialect)
        return known

    def apply(self, connection: Connection, unit: Unit) -> Outcome:
        """Write one unit; what it came to. Errors of the driver pass through."""
        match unit:
            case Begin(intent, claim):
                return self._begin(connection, intent, claim)
            case Settle(commit):
                return self._settle(connection, commit)
            case Release(claim):
                return self._release.run(connection, claim)
            case Write():
                return self._write(connection, unit)
            case Amend(steps):
                guard = self._run(connection, steps[0])
                if guard:
                    for step in steps[1:]:
                        self._run(connection, step)
                return guard

    def _begin(self, connection: Connection, intent: Intent | None, claim: IdempotencyClaim | None) -> BeginOutcome:
        if claim is not None and self._claim.run(connection, claim) == 0:
            arguments = (claim.tenant, claim.endpoint, claim.key)
            return judge(claim, connection.execute(self._rival.sql, arguments).fetchone())
        if intent is not None:
            self._insert_intent.run(connection, intent)
        return Begun()

    def _settle(self, connection: Connection, commit: CheckCommit) -> Outcome:
        if self._insert_check.run(connection, commit) == 0:
            return Conflict(ALREADY_SETTLED)
        if commit.subject_key is not None:
            self._insert_key.run(connection, commit.subject_key)
        self._insert_evidence.run(connection, commit)
        self._insert_leaf.run(connection, commit)
        if commit.calls is not None:
            self._insert_metering.run(connection, commit)
        self._delete_intent.run(connection, commit)
        if commit.event is not None:
            self._put_event.run(connection, commit.event)
        if commit.claim is not None:
            values = {
                "tenant": commit.tenant,
                "endpoint": commit.claim.endpoint,
                "key": commit.claim.key,
                "check_id": commit.check_id,
                "response": commit.response,
                "response_status": commit.response_status,
            }
            connection.execute(self._complete.sql, self._complete.arguments(values))
        return 1

    def _run(self, connection: Connection, step: Step) -> int:
        prepared = self.prepared(step.statement)
        return connection.execute(prepared.sql, prepared.arguments(step.values)).rowcount

    def _write(self, connection: Connection, unit: Write) -> int:
        touched = 0
        for statement in unit.statements:
            prepared = self.prepared(statement)
            touched = connection.execute(prepared.sql, prepared.arguments(unit.values)).rowcount
        return touched

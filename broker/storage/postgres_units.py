"""Units of work on PostgreSQL: one statement per table for a whole batch, its rows sent as arrays.

A batch costs a fixed number of round trips whatever its size. Rows are taken from the arrays in order, so the log keeps
the order of arrival; claims are sorted, so that two nodes lock the same rows in the same order.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from asyncpg import Connection
from sqlalchemy import ARRAY, Column, Executable, bindparam, cast, column, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect

from broker.errors import Conflict
from broker.storage.event_statements import EVENT_COLUMNS, put_event
from broker.storage.records import BeginOutcome, Begun, CheckCommit, IdempotencyClaim
from broker.storage.statements import Prepared, claimable, literal, prepare
from broker.storage.tables import checks, evidence, idempotency, intents, log_leaves, metering, subject_keys
from broker.storage.unit_of_work import (
    ALREADY_SETTLED,
    Amend,
    Begin,
    Outcome,
    Release,
    Row,
    Settle,
    Step,
    Unit,
    Value,
    Write,
    judge,
)

Key = tuple[str, ...]


def _arrays(*columns: Column[Any]) -> Any:
    """A table made of one array per column, as ``FROM`` takes it."""
    arrays = [cast(bindparam(each.name), ARRAY(each.type)) for each in columns]
    return func.unnest(*arrays).table_valued(*(column(each.name, each.type) for each in columns), name="given")


class _Rows:
    """A statement over arrays, and how a record becomes one row of them."""

    def __init__(self, build: Callable[[Any], Executable], columns: Sequence[Column[Any]], dialect: Dialect) -> None:
        given = _arrays(*columns).render_derived(name="given")
        self._prepared = prepare(build(given.c), dialect)
        names = [each.name for each in columns]
        # The driver wants the arrays in the order of the statement's parameters, which need not be that of the columns.
        self._order = [names.index(name) for name in self._prepared.names]

    async def run(self, connection: Connection, rows: Iterable[Sequence[object]]) -> list[Row]:
        """The rows that the statement returns; nothing is sent for no rows."""
        arrays = list(zip(*rows, strict=True))
        if not arrays:
            return []
        found: list[Row] = await connection.fetch(self._prepared.sql, *(arrays[place] for place in self._order))
        return found


def _insert(table: Any, columns: Sequence[Column[Any]]) -> Callable[[Any], Any]:
    return lambda given: insert(table).from_select([each.name for each in columns], select(*given))


def _claim(given: Any) -> Executable:
    names = [each.name for each in given]
    statement = insert(idempotency).from_select([*names, "state"], select(*given, literal("running")))
    new = statement.excluded
    replaced: dict[str, Any] = {name: new[name] for name in (*names[3:], "state")}
    return statement.on_conflict_do_update(
        index_elements=list(idempotency.primary_key),
        set_={**replaced, "status": null(), "response": null()},
        where=claimable(new),
    ).returning(*idempotency.primary_key)


def _same_key(given: Any) -> tuple[Any, ...]:
    return tuple(each == given[each.name] for each in idempotency.primary_key)


def _ours(given: Any) -> tuple[Any, ...]:
    mine = idempotency.c.check_id == given.check_id
    return (*_same_key(given), mine, idempotency.c.state == literal("running"))


def _rivals(given: Any) -> Executable:
    row = idempotency.c
    return select(
        *idempotency.primary_key, row.fingerprint, row.check_id, row.state, row.lease_until_ms, row.status, row.response
    ).where(*_same_key(given))


def _complete(given: Any) -> Executable:
    return (
        update(idempotency)
        .values(state=literal("done"), status=given.status, response=given.response)
        .where(*_ours(given))
    )


class _Statements(NamedTuple):
    claim: _Rows
    rivals: _Rows
    release: _Rows
    intents: _Rows
    checks: _Rows
    keys: _Rows
    evidence: _Rows
    leaves: _Rows
    metering: _Rows
    settled_intents: _Rows
    complete: _Rows
    events: _Rows


_KEY = tuple(idempotency.primary_key)
_OWNED = (*_KEY, idempotency.c.check_id)
_CLAIM = (
    *_KEY,
    *(idempotency.c[name] for name in ("fingerprint", "check_id", "claimed_ms", "lease_until_ms", "expires_ms")),
)
_CLAIM_FIELDS = ("tenant", "endpoint", "key", "fingerprint", "check_id", "now_ms", "lease_until_ms", "expires_ms")
_LEAF = tuple(log_leaves.c[name] for name in ("tenant", "check_id", "leaf_hash", "body"))


def _statements(dialect: Dialect) -> _Statements:
    one_check = tuple(intents.primary_key)
    return _Statements(
        claim=_Rows(_claim, _CLAIM, dialect),
        rivals=_Rows(_rivals, _KEY, dialect),
        release=_Rows(lambda given: delete(idempotency).where(*_ours(given)), _OWNED, dialect),
        intents=_Rows(_insert(intents, tuple(intents.c)), tuple(intents.c), dialect),
        checks=_Rows(
            lambda given: (
                _insert(checks, tuple(checks.c))(given).on_conflict_do_nothing().returning(*checks.primary_key)
            ),
            tuple(checks.c),
            dialect,
        ),
        keys=_Rows(
            lambda given: _insert(subject_keys, tuple(subject_keys.c))(given).on_conflict_do_nothing(),
            tuple(subject_keys.c),
            dialect,
        ),
        evidence=_Rows(_insert(evidence, tuple(evidence.c)), tuple(evidence.c), dialect),
        leaves=_Rows(_insert(log_leaves, _LEAF), _LEAF, dialect),
        metering=_Rows(_insert(metering, tuple(metering.c)), tuple(metering.c), dialect),
        settled_intents=_Rows(
            lambda given: delete(intents).where(*(each == given[each.name] for each in one_check)), one_check, dialect
        ),
        complete=_Rows(_complete, (*_OWNED, idempotency.c.status, idempotency.c.response), dialect),
        events=_Rows(put_event, EVENT_COLUMNS, dialect),
    )


class PostgresUnits:
    """The statements of every kind of unit, compiled once, and how a batch is taken through them."""

    def __init__(self) -> None:
        self._dialect: Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._ordinary: dict[Executable, Prepared] = {}
        self._batch = _statements(self._dialect)
        self._check_row: Any = attrgetter(*(each.name for each in checks.c))
        self._claim_row: Any = attrgetter(*_CLAIM_FIELDS)

    def prepared(self, statement: Executable) -> Prepared:
        """An ordinary statement, compiled on first use; there is a fixed number of them."""
        known = self._ordinary.get(statement)
        if known is None:
            known = self._ordinary[statement] = prepare(statement, self._dialect)
        return known

    async def apply(self, connection: Connection, units: Sequence[Unit]) -> list[Outcome]:
        """Write all units inside a transaction that the caller holds; their outcomes in the same order."""
        outcomes: dict[int, Outcome] = {}
        settles = {place: unit.commit for place, unit in enumerate(units) if isinstance(unit, Settle)}
        outcomes.update(zip(settles, await self._settle(connection, list(settles.values())), strict=True))
        for place, unit in enumerate(units):
            if isinstance(unit, Write):
                outcomes[place] = await self._write(connection, unit)
            elif isinstance(unit, Amend):
                outcomes[place] = await self._amend(connection, unit)
        releases = {place: unit.claim for place, unit in enumerate(units) if isinstance(unit, Release)}
        await self._batch.release.run(connection, [_owned(claim) for claim in releases.values()])
        outcomes.update(dict.fromkeys(releases, 1))
        begins = {place: unit for place, unit in enumerate(units) if isinstance(unit, Begin)}
        outcomes.update(zip(begins, await self._begin(connection, list(begins.values())), strict=True))
        return [outcomes[place] for place in range(len(units))]

    async def _settle(self, connection: Connection, commits: Sequence[CheckCommit]) -> list[Outcome]:
        batch = self._batch
        inserted = {tuple(row) for row in await batch.checks.run(connection, map(self._check_row, commits))}
        fresh: dict[Key, CheckCommit] = {}
        outcomes: list[Outcome] = []
        for commit in commits:
            # Of two records of one check in a batch the first one went in.
            first = _check_key(commit) in inserted and _check_key(commit) not in fresh
            outcomes.append(1 if first else Conflict(ALREADY_SETTLED))
            if first:
                fresh[_check_key(commit)] = commit
        keys = {
            (row.tenant, row.subject, row.key_id): row
            for each in fresh.values()
            if (row := each.subject_key) is not None
        }
        # Sorted, so that two nodes that write the same key wait for each other and not for ever.
        await batch.keys.run(connection, [msgspec.structs.astuple(keys[key]) for key in sorted(keys)])
        await batch.evidence.run(connection, [(*key, each.evidence) for key, each in fresh.items()])
        await batch.leaves.run(connection, [(*key, each.leaf_hash, each.leaf_body) for key, each in fresh.items()])
        metered = [_metered(each) for each in fresh.values() if each.calls is not None]
        await batch.metering.run(connection, metered)
        await batch.settled_intents.run(connection, list(fresh))
        await batch.events.run(connection, [msgspec.structs.astuple(one.event) for one in fresh.values() if one.event])
        answers = [(each.claim, (each.response_status, each.response)) for each in fresh.values()]
        await batch.complete.run(connection, [(*_owned(claim), *answer) for claim, answer in answers if claim])
        return outcomes

    async def _begin(self, connection: Connection, begins: Sequence[Begin]) -> list[Outcome]:
        won = await self._claim(connection, [begin.claim for begin in begins if begin.claim is not None])
        outcomes: list[Outcome | None] = []
        for begin in begins:
            key = _claim_key(begin.claim) if begin.claim is not None else None
            outcomes.append(Begun() if key is None or key in won else None)
            won.discard(key)
        going = [begin.intent for begin, outcome in zip(begins, outcomes, strict=True) if outcome is not None]
        await self._batch.intents.run(connection, [msgspec.structs.astuple(intent) for intent in going if intent])
        lost = [begin.claim for begin, outcome in zip(begins, outcomes, strict=True) if not outcome and begin.claim]
        judged = iter(await self._judge(connection, lost))
        return [outcome if outcome is not None else next(judged) for outcome in outcomes]

    async def _claim(self, connection: Connection, claims: Sequence[IdempotencyClaim]) -> set[tuple[Value, ...] | None]:
        """The keys that are now the first claimant's of this batch: one statement cannot claim a key twice."""
        first: dict[Key, IdempotencyClaim] = {}
        for claim in claims:
            first.setdefault(_claim_key(claim), claim)
        rows = [self._claim_row(first[key]) for key in sorted(first)]
        return {tuple(row) for row in await self._batch.claim.run(connection, rows)}

    async def _judge(self, connection: Connection, lost: Sequence[IdempotencyClaim]) -> list[BeginOutcome]:
        keys = sorted({_claim_key(claim) for claim in lost})
        rows = await self._batch.rivals.run(connection, keys)
        rivals: dict[tuple[Value, ...], Row] = {tuple(row[: len(_KEY)]): row[len(_KEY) :] for row in rows}
        return [judge(claim, rivals.get(_claim_key(claim))) for claim in lost]

    async def _amend(self, connection: Connection, unit: Amend) -> int:
        guard = await self._run(connection, unit.steps[0])
        if guard:
            for step in unit.steps[1:]:
                await self._run(connection, step)
        return guard

    async def _run(self, connection: Connection, step: Step) -> int:
        prepared = self.prepared(step.statement)
        status: str = await connection.execute(prepared.sql, *prepared.arguments(step.values))
        return int(status.rpartition(" ")[2])

    async def _write(self, connection: Connection, unit: Write) -> int:
        touched = 0
        for statement in unit.statements:
            prepared = self.prepared(statement)
            status: str = await connection.execute(prepared.sql, *prepared.arguments(unit.values))
            touched = int(status.rpartition(" ")[2])
        return touched


def _metered(commit: CheckCommit) -> tuple[Value, ...]:
    return (commit.tenant, commit.check_id, commit.settled_ms, commit.consumer, commit.agent, commit.calls)


def _check_key(commit: CheckCommit) -> Key:
    return (commit.tenant, commit.check_id)


def _claim_key(claim: IdempotencyClaim) -> Key:
    return (claim.tenant, claim.endpoint, claim.key)


def _owned(claim: IdempotencyClaim) -> Key:
    return (*_claim_key(claim), claim.check_id)

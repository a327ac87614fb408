"""What governs checks, durably: texts, versions, changes, stops, shadows of each tenant; a leaf for every change."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from broker.domain.governance import ChangeKind, ChangeState, PolicyChange, PolicyVersion, Shadow, Stop, StopKind
from broker.errors import Conflict
from broker.storage import policy_statements as sql
from broker.storage.reader import Reader
from broker.storage.unit_of_work import Amend, Row, Step, Value
from broker.storage.writer import GroupWriter

_NEVER_MS = 2**62


class Entry(msgspec.Struct, frozen=True):
    """A leaf of the log for something that is no check; ``id`` is unique within the tenant."""

    id: str
    body: bytes
    hash: bytes


class RecordedCheck(msgspec.Struct, frozen=True):
    """As much of a settled check as deciding it again needs."""

    check_id: str
    settled_ms: int
    record: bytes
    evidence: bytes
    subject: bytes | None = None

    def __repr__(self) -> str:
        return f"RecordedCheck({self.check_id})"


class PolicyStore:
    """Reads and changes what governs a tenant's checks.

    Every change names the revision that it was made for; of several that were, on any node, exactly one succeeds.
    """

    def __init__(self, writer: GroupWriter, reader: Reader, rows_max: int) -> None:
        self._writer = writer
        self._reader = reader
        self._rows_max = rows_max

    async def revision(self, tenant: str = sql.ALL_TENANTS) -> int:
        """How often a tenant's policies were changed; without a tenant, a number that moves with every change."""
        row = await self._reader.row(sql.SELECT_HEAD, tenant=tenant)
        return cast("int", row[0]) if row else 0

    async def tenants(self) -> list[str]:
        """Every tenant that is governed by anything yet, by name; no more than fit into one answer."""
        return [str(row[0]) for row in await self._reader.rows(sql.SELECT_TENANTS, rows=self._rows_max)]

    async def amend(self, tenant: str, expected: int, steps: Sequence[Step], entries: Sequence[Entry]) -> None:
        """Make one change, with its log leaves.

        Raises:
            Conflict: the tenant is not at that revision any more. Nothing was changed.
        """
        head: dict[str, Value] = {"tenant": tenant, "expected": expected, "next": expected + 1}
        guard = Step(sql.MOVE_HEAD if expected else sql.MAKE_HEAD, head)
        leaves = [
            Step(sql.INSERT_LEAF, {"tenant": tenant, "entry": one.id, "hash": one.hash, "leaf": one.body})
            for one in entries
        ]
        unit = Amend((guard, *steps, *leaves, Step(sql.TELL_ALL, {})))
        if await self._writer.submit(unit) == 0:
            raise Conflict("policies were changed by somebody else at the same time: look at them, and try again")

    async def texts(self, tenant: str, digests: Sequence[bytes]) -> dict[bytes, str]:
        """The texts of those digests, as far as they are kept."""
        found = {}
        for digest in digests:
            row = await self._reader.row(sql.SELECT_TEXT, tenant=tenant, digest=digest)
            if row is not None:
                found[digest] = cast("bytes", row[0]).decode("utf-8")
        return found

    async def versions(self, tenant: str) -> list[PolicyVersion]:
        """All versions of all policies of a tenant."""
        rows = await self._reader.rows(sql.SELECT_VERSIONS, tenant=tenant, rows=self._rows_max)
        return [PolicyVersion(*_fields(row)) for row in rows]

    async def changes(self, tenant: str) -> list[PolicyChange]:
        """A tenant's changes, latest first."""
        rows = await self._reader.rows(sql.SELECT_CHANGES, tenant=tenant, rows=self._rows_max)
        return [_change(row) for row in rows]

    async def stops(self, tenant: str) -> list[Stop]:
        """A tenant's stops, those in force first."""
        rows = await self._reader.rows(sql.SELECT_STOPS, tenant=tenant, rows=self._rows_max, never_ms=_NEVER_MS)
        return [_stop(row) for row in rows]

    async def shadows(self, tenant: str) -> list[Shadow]:
        """A tenant's shadow runs, latest first."""
        rows = await self._reader.rows(sql.SELECT_SHADOWS, tenant=tenant, rows=self._rows_max)
        return [Shadow(*_fields(row)) for row in rows]

    async def write_tally(self, tenant: str, shadow_id: str, node: str, payload: bytes, at_ms: int) -> None:
        """Replace what one node has counted for a shadow run."""
        values: dict[str, Value] = {
            "tenant": tenant,
            "shadow_id": shadow_id,
            "node": node,
            "payload": payload,
            "updated_ms": at_ms,
        }
        await self._writer.submit(Amend((Step(sql.WRITE_TALLY, values),)))

    async def tallies(self, tenant: str, shadow_id: str) -> list[bytes]:
        """What each node has counted for a shadow run."""
        rows = await self._reader.rows(sql.SELECT_TALLIES, tenant=tenant, shadow_id=shadow_id)
        return [cast("bytes", row[0]) for row in rows]

    async def recorded(
        self, tenant: str, *, after: str, from_ms: int, until_ms: int, limit: int
    ) -> list[RecordedCheck]:
        """Settled checks of a period with an id above ``after``, in the order of their ids."""
        rows = await self._reader.rows(
            sql.SELECT_RECORDS,
            tenant=tenant,
            after=after,
            from_ms=from_ms,
            until_ms=until_ms,
            rows=min(limit, self._rows_max),
        )
        return [RecordedCheck(*_fields(row)) for row in rows]


def add_text(tenant: str, digest: bytes, text: str, at_ms: int) -> Step:
    """Keep a text under its digest; harmless when it is kept already."""
    return Step(
        sql.INSERT_TEXT, {"tenant": tenant, "digest": digest, "body": text.encode("utf-8"), "created_ms": at_ms}
    )


def add_version(version: PolicyVersion) -> Step:
    """Add an immutable version."""
    return Step(sql.INSERT_VERSION, msgspec.structs.asdict(version))


def add_change(change: PolicyChange) -> Step:
    """Add a change, pending or approved."""
    return Step(sql.INSERT_CHANGE, _plain(change))


def decide_change(change: PolicyChange) -> Step:
    """Bring a pending change to the state that it now has."""
    return Step(
        sql.DECIDE_CHANGE,
        {
            "tenant": change.tenant,
            "change_id": change.change_id,
            "old_state": ChangeState.PENDING.value,
            "new_state": change.state.value,
            "by": change.decided_by,
            "at_ms": change.decided_ms,
            "from_ms": change.effective_ms,
            "order": change.place,
        },
    )


def add_stop(stop: Stop) -> Step:
    """Halt something."""
    return Step(sql.INSERT_STOP, _plain(stop))


def resume(stop: Stop) -> Step:
    """End a stop as it says."""
    values: dict[str, Value] = {
        "tenant": stop.tenant,
        "stop_id": stop.stop_id,
        "by": stop.resumed_by,
        "at_ms": stop.resumed_ms,
    }
    return Step(sql.RESUME, values)


def add_shadow(shadow: Shadow) -> Step:
    """Start a shadow run."""
    return Step(sql.INSERT_SHADOW, msgspec.structs.asdict(shadow))


def end_shadow(shadow: Shadow) -> Step:
    """End a shadow run as it says."""
    return Step(sql.END_SHADOW, {"tenant": shadow.tenant, "shadow_id": shadow.shadow_id, "at_ms": shadow.ended_ms})


def _plain(record: PolicyChange | Stop) -> dict[str, Value]:
    # A driver takes a text and not a subclass of it.
    members = msgspec.structs.asdict(record)
    return {name: str(value) if isinstance(value, str) else value for name, value in members.items()}


def _change(row: Row) -> PolicyChange:
    members = dict(zip(PolicyChange.__struct_fields__, _fields(row), strict=True))
    members["kind"], members["state"] = ChangeKind(members["kind"]), ChangeState(members["state"])
    return PolicyChange(**members)


def _stop(row: Row) -> Stop:
    members = dict(zip(Stop.__struct_fields__, _fields(row), strict=True))
    members["kind"] = StopKind(members["kind"])
    return Stop(**members)


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)

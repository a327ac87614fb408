"""Checks that settle again. Of any number of writers who saw the same revision exactly one writes the next."""

import msgspec
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.event_store import put
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.reader import Reader
from broker.storage.records import RevisionCommit, StoredRevision
from broker.storage.statements import literal
from broker.storage.tables import check_revisions, checks, evidence
from broker.storage.unit_of_work import Amend, Step, Value
from broker.storage.vault_statements import INSERT_SUBJECT_KEY
from broker.storage.writer import GroupWriter

_REVISIONS_MAX = 100
_SEEN = (
    checks.c.tenant == bindparam("of_tenant"),
    checks.c.check_id == bindparam("of_check"),
    checks.c.revision == bindparam("seen"),
    checks.c.status == literal("settled"),
)
# The guard. Where two transactions saw the same revision, the second one's row is there already when it may go on.
_KEEP = (
    insert(check_revisions)
    .from_select(
        [column.name for column in check_revisions.c],
        select(
            checks.c.tenant,
            checks.c.check_id,
            checks.c.revision,
            checks.c.settled_ms,
            checks.c.record,
            evidence.c.payload,
        )
        .join(evidence, and_(evidence.c.tenant == checks.c.tenant, evidence.c.check_id == checks.c.check_id))
        .where(*_SEEN),
    )
    .on_conflict_do_nothing()
)
_MOVE = (
    update(checks)
    .values(
        revision=bindparam("to_revision"),
        decision=bindparam("to_decision"),
        verdict=bindparam("to_verdict"),
        trust_score=bindparam("to_score"),
        settled_ms=bindparam("to_settled_ms"),
        record=bindparam("to_record"),
    )
    .where(*_SEEN)
)
_EVIDENCE = (
    update(evidence)
    .values(payload=bindparam("to_payload"))
    .where(evidence.c.tenant == bindparam("of_tenant"), evidence.c.check_id == bindparam("of_check"))
)
_SELECT = (
    select(
        check_revisions.c.revision, check_revisions.c.settled_ms, check_revisions.c.record, check_revisions.c.evidence
    )
    .where(check_revisions.c.tenant == bindparam("tenant"), check_revisions.c.check_id == bindparam("check_id"))
    .order_by(check_revisions.c.revision)
    .limit(bindparam("rows"))
)


class RevisionStore:
    """The revisions of checks."""

    def __init__(self, writer: GroupWriter, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, commit: RevisionCommit) -> bool:
        """Write a revision, its leaf and its event together; whether the check was still at the one before."""
        where: dict[str, Value] = {
            "of_tenant": commit.tenant,
            "of_check": commit.check_id,
            "seen": commit.revision - 1,
        }
        move: dict[str, Value] = where | {
            "to_revision": commit.revision,
            "to_decision": commit.decision,
            "to_verdict": commit.verdict,
            "to_score": commit.trust_score,
            "to_settled_ms": commit.settled_ms,
            "to_record": commit.record,
        }
        leaf: dict[str, Value] = {
            "tenant": commit.tenant,
            "entry": commit.entry,
            "hash": commit.leaf_hash,
            "leaf": commit.leaf_body,
        }
        key = commit.subject_key
        keys = () if key is None else (Step(INSERT_SUBJECT_KEY, msgspec.structs.asdict(key)),)
        steps = (
            Step(_KEEP, where),
            *keys,
            Step(_MOVE, move),
            Step(_EVIDENCE, where | {"to_payload": commit.evidence}),
            Step(INSERT_LEAF, leaf),
            *(() if commit.event is None else (put(commit.event),)),
        )
        return await self._writer.submit(Amend(steps)) == 1

    async def earlier(self, tenant: str, check_id: str) -> list[StoredRevision]:
        """What a check was before, oldest first."""
        rows = await self._reader.rows(_SELECT, tenant=tenant, check_id=check_id, rows=_REVISIONS_MAX)
        return [StoredRevision(*row) for row in rows]  # type: ignore[arg-type]  # rows come in the order of the fields

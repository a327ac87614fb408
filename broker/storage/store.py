"""The store as the rest of the broker sees it."""

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from broker.domain.outcome import OutcomeReport, TurnedOut
from broker.errors import Conflict, Misconfigured, NotFound
from broker.storage import past_statements, statements
from broker.storage.backends import connect
from broker.storage.challenge_store import ChallengeStore
from broker.storage.consent_store import ConsentStore
from broker.storage.consumer_store import ConsumerStore
from broker.storage.disclosure_store import DisclosureStore
from broker.storage.event_store import EventStore
from broker.storage.log_store import LogStore
from broker.storage.migrate import HEAD_REVISION, recorded_revision
from broker.storage.policy_statements import INSERT_LEAF
from broker.storage.policy_store import Entry, PolicyStore
from broker.storage.privacy_store import PrivacyStore
from broker.storage.reader import Reader
from broker.storage.receipt_store import ReceiptStore
from broker.storage.records import (
    AboutSubject,
    ApiKey,
    BeginOutcome,
    Begun,
    CheckCommit,
    IdempotencyClaim,
    Intent,
    JourneyStep,
    PastCheck,
    PendingAt,
    StorageLimits,
    StoredCheck,
    SubjectPast,
)
from broker.storage.refusal_store import RefusalStore
from broker.storage.review_store import ReviewStore
from broker.storage.revision_store import RevisionStore
from broker.storage.rights_store import RightsStore
from broker.storage.unit_of_work import Backend, Begin, Release, Row, Settle, Value, Write
from broker.storage.vault_store import VaultStore
from broker.storage.watch_store import WatchStore
from broker.storage.writer import GroupWriter, WriterStats


async def open_store(url: str, limits: StorageLimits | None = None) -> "Store":
    """Open the database of a URL, whose schema has been brought up to date by :func:`broker.storage.migrate.upgrade`.

    Raises:
        Misconfigured: the URL is not usable, the database does not answer, or its schema is of another revision.
    """
    limits = limits or StorageLimits()
    backend = connect(url, limits)
    try:
        _require_head(await recorded_revision(backend))
    except BaseException:
        await backend.aclose()
        raise
    return Store(backend, limits)


def _require_head(revision: str | None) -> None:
    if revision != HEAD_REVISION:
        raise Misconfigured(
            f"storage.url: the schema is at revision {revision or 'none'} and this broker needs {HEAD_REVISION};"
            " upgrade the schema, or run the broker that wrote it"
        )


class Store:
    """The durable memory. Everything that writes returns only when what it wrote is on the disk.

    Every method may raise *Unrecorded* (the database cannot be used, or not in time) and *Overloaded* (too many wait).
    What is then known about a write is said in :mod:`broker.storage.writer`.
    """

    def __init__(self, backend: Backend, limits: StorageLimits) -> None:
        self._backend = backend
        self._limits = limits
        self._writer = GroupWriter(backend, limits)
        self._reader = Reader(backend, limits)
        self.consumers = ConsumerStore(self._writer, self._reader, limits.rows_max)
        self.revisions = RevisionStore(self._writer, self._reader)
        self.rights = RightsStore(self._writer, self._reader, limits.rows_max)
        self.challenges = ChallengeStore(self._writer, self._reader, limits.rows_max)
        self.refusals = RefusalStore(self._writer, self._reader, limits.rows_max)
        self.policies = PolicyStore(self._writer, self._reader, limits.rows_max)
        self.consents = ConsentStore(self._writer, self._reader)
        self.disclosures = DisclosureStore(self._writer, self._reader, limits.rows_max)
        self.privacy = PrivacyStore(self._writer, self._reader)
        self.vault = VaultStore(self._writer, self._reader)
        self.events = EventStore(self._writer, self._reader, limits.rows_max)
        self.reviews = ReviewStore(self._writer, self._reader, limits.rows_max)
        self.receipts = ReceiptStore(self._writer, self._reader, limits.rows_max)
        self.watches = WatchStore(self._writer, self._reader, limits.rows_max)
        self.log = LogStore(self._writer, self._reader, limits.rows_max)

    @property
    def stats(self) -> WriterStats:
        """What the writer has done since the store was opened."""
        return self._writer.stats

    async def begin(
        self, intent: Intent | None, claim: IdempotencyClaim | None, wait_s: float = math.inf
    ) -> BeginOutcome:
        """Record what is about to be asked, and claim the idempotency key, together.

        Without an intent only the claim is written, without either nothing is. Unless the outcome is *Begun*, nothing
        was written. Of any number of callers with one key exactly one begins. ``wait_s`` is what the caller has left.
        """
        if intent is None and claim is None:
            return Begun()
        return cast("BeginOutcome", await self._writer.submit(Begin(intent, claim), wait_s))

    async def settle(self, commit: CheckCommit, wait_s: float = math.inf) -> None:
        """Record a check with evidence, leaf and answer in one transaction; no record, no answer.

        The claim is completed only while it is this check's: one that was taken over belongs to somebody else's answer.

        Raises:
            Conflict: the check is settled already. Nothing was changed.
        """
        await self._writer.submit(Settle(commit), wait_s)

    async def release(self, claim: IdempotencyClaim) -> None:
        """Give up a claim under which nothing was decided, so that a retry need not wait for the end of the lease.

        A claim that is done, or was taken over by another check, stays as it is.
        """
        await self._writer.submit(Release(claim))

    def release_soon(self, claim: IdempotencyClaim) -> None:
        """Like :meth:`release`, with the next commit and without waiting; where that fails, the lease frees the key."""
        self._writer.post(Release(claim))

    async def expired_intents(self, now_ms: int, limit: int) -> list[Intent]:
        """Intents of all tenants that nobody settled in time, oldest first; the sweeper settles them as abandoned."""
        rows = await self._reader.rows(statements.SELECT_EXPIRED_INTENTS, now_ms=now_ms, rows=self._bounded(limit))
        return [Intent(*_fields(row)) for row in rows]

    async def purge_claims(self, now_ms: int, limit: int) -> int:
        """Delete idempotency rows of all tenants whose retention is over, ``limit`` at most; how many went."""
        values: dict[str, Value] = {"now_ms": now_ms, "rows": self._bounded(limit)}
        return cast("int", await self._writer.submit(Write((statements.DELETE_EXPIRED_CLAIMS,), values)))

    async def find_check(self, tenant: str, check_id: str) -> StoredCheck | None:
        """A tenant's check, ``None`` where it has none of that id."""
        row = await self._reader.row(statements.SELECT_CHECK, tenant=tenant, check_id=check_id)
        return StoredCheck(*_fields(row)) if row else None

    async def report_outcome(self, report: OutcomeReport) -> None:
        """Keep what a settled check of the tenant turned out to be, beside all earlier reports.

        Raises:
            NotFound: the tenant has no such check.
        """
        values: dict[str, Value] = {
            "tenant": report.tenant,
            "check_id": report.check_id,
            "reported_ms": _ms(report.reported_at),
            "outcome": report.outcome.value,
            "found_ms": _ms(report.found_at),
            "consumer": report.consumer,
            "key_id": report.key_id,
        }
        if await self.find_check(report.tenant, report.check_id) is None:
            raise NotFound("no such check")
        await self._writer.submit(Write((statements.INSERT_OUTCOME,), values))

    async def outcomes(self, tenant: str, check_id: str) -> list[OutcomeReport]:
        """The reports about a check, oldest first; the last one counts."""
        rows = await self._reader.rows(
            statements.SELECT_OUTCOMES, tenant=tenant, check_id=check_id, rows=self._limits.rows_max
        )
        return [_report(row) for row in rows]

    async def past_of(self, question: AboutSubject, limit: int) -> SubjectPast:
        """What of a subject's past counts now; of allowed amounts the ``limit`` newest."""
        values = msgspec.structs.asdict(question)
        return past_statements.past(
            await self._reader.rows(past_statements.SELECT_PAST, **values, rows=self._bounded(limit))
        )

    async def journey(self, tenant: str, conversation: str, since_ms: int, limit: int) -> list[JourneyStep]:
        """The newest checks of a conversation, by the tenant's mark of it."""
        rows = await self._reader.rows(
            statements.SELECT_JOURNEY,
            tenant=tenant,
            conversation=conversation,
            since_ms=since_ms,
            rows=self._bounded(limit),
        )
        return [JourneyStep(*_fields(row)) for row in rows]

    async def history(self, tenant: str, since_ms: int, until_ms: int) -> AsyncIterator[PastCheck]:
        """A tenant's settled checks from ``since_ms`` to before ``until_ms``, oldest first, a page at a time."""
        after: tuple[int, str] = (since_ms, "")
        while True:
            rows = await self._reader.rows(
                statements.SELECT_HISTORY,
                tenant=tenant,
                until_ms=until_ms,
                after_ms=after[0],
                after_id=after[1],
                rows=self._limits.rows_max,
            )
            for row in rows:
                past = PastCheck(*_fields(row))
                after = past.settled_ms, past.check_id
                yield past
            if len(rows) < self._limits.rows_max:
                return

    async def root_key_fingerprint(self) -> bytes | None:
        """The fingerprint of the root key that this database was first used with; ``None`` when it never was."""
        row = await self._reader.row(statements.SELECT_ROOT_KEY)
        return None if row is None else bytes(_fields(row)[0])

    async def keep_root_key_fingerprint(self, fingerprint: bytes) -> None:
        """Keep the fingerprint where there is none; the first one stays."""
        await self._writer.submit(Write((statements.INSERT_ROOT_KEY,), {"one": 1, "fingerprint": fingerprint}))

    async def note(self, tenant: str, one: Entry, wait_s: float = math.inf) -> None:
        """Add a leaf to the log of a tenant, for something that is no check and changes nothing else."""
        values: dict[str, Value] = {"tenant": tenant, "entry": one.id, "hash": one.hash, "leaf": one.body}
        await self._writer.submit(Write((INSERT_LEAF,), values), wait_s)

    async def is_tenant(self, tenant: str) -> bool:
        """Whether there is a tenant of that name."""
        return bool(await self.consumers.lineage(tenant))

    async def ensure_tenant(self, tenant: str, at_ms: int) -> None:
        """Make a tenant where there is none of that name."""
        await self._writer.submit(Write((statements.INSERT_TENANT,), {"tenant": tenant, "created_ms": at_ms}))

    async def create_key(self, key: ApiKey) -> None:
        """Store a new key, and its tenant where there is none.

        Raises:
            Conflict: a key of that id exists, be it another tenant's.
        """
        values: dict[str, Value] = {
            "tenant": key.tenant,
            "key_id": key.key_id,
            "consumer": key.consumer,
            "agent": key.agent,
            "secret_hash": key.secret_hash,
            "scopes": _joined(key.scopes),
            "created_ms": key.created_ms,
            "expires_ms": key.expires_ms,
            "revoked_ms": key.revoked_ms,
        }
        if await self._writer.submit(Write((statements.INSERT_TENANT, statements.INSERT_KEY), values)) == 0:
            raise Conflict("a key of this id exists")

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of that id, revoked and expired ones too: the tenant is not known before the key is."""
        row = await self._reader.row(statements.SELECT_KEY, key_id=key_id)
        return _key(row) if row else None

    async def list_keys(self, tenant: str) -> list[ApiKey]:
        """A tenant's keys, oldest first, revoked and expired ones too; at most ``rows_max`` of the limits."""
        rows = await self._reader.rows(statements.SELECT_KEYS, tenant=tenant, rows=self._limits.rows_max)
        return [_key(row) for row in rows]

    async def expire_key(self, tenant: str, key_id: str, at_ms: int) -> None:
        """End a key at an instant, or earlier where it ends earlier anyway.

        Raises:
            NotFound: the tenant has no such key.
        """
        values: dict[str, Value] = {"tenant": tenant, "key_id": key_id, "at_ms": at_ms}
        if await self._writer.submit(Write((statements.EXPIRE_KEY,), values)) == 0:
            raise NotFound("there is no such key")

    async def revoke_key(self, tenant: str, key_id: str, at_ms: int) -> None:
        """Revoke a key; repeating it keeps the first instant.

        Raises:
            NotFound: the tenant has no such key.
        """
        values: dict[str, Value] = {"tenant": tenant, "key_id": key_id, "at_ms": at_ms}
        if await self._writer.submit(Write((statements.REVOKE_KEY,), values)) == 0:
            raise NotFound("there is no such key")

    async def find_pending(self, tenant: str, key: bytes) -> tuple[int, bytes] | None:
        """The version and the body of what a tenant's question is waiting for, over or not."""
        row = await self._reader.row(statements.SELECT_PENDING, tenant=tenant, key=key)
        return cast("tuple[int, bytes]", tuple(row)) if row else None

    async def swap_pending(self, at: PendingAt, body: bytes, until_ms: int) -> bool:
        """Put a body in the place of version ``at.seen`` (0: there is none), under ``at.version``.

        False where another version is there: nothing was changed.
        """
        if at.seen == 0:
            new: dict[str, Value] = {"tenant": at.tenant, "key": at.key, "version": at.version}
            new |= {"body": body, "until_ms": until_ms}
            return await self._writer.submit(Write((statements.INSERT_PENDING,), new)) == 1
        changed: dict[str, Value] = {"to_version": at.version, "to_body": body, "to_until_ms": until_ms, **_seen(at)}
        return await self._writer.submit(Write((statements.UPDATE_PENDING,), changed)) == 1

    async def drop_pending(self, at: PendingAt) -> bool:
        """Take version ``at.seen`` away; False where another is there."""
        return await self._writer.submit(Write((statements.DELETE_PENDING,), _seen(at))) == 1

    async def purge_pending(self, now_ms: int, limit: int) -> int:
        """Delete what may be forgotten, of all tenants, ``limit`` at most; how many went."""
        values: dict[str, Value] = {"now_ms": now_ms, "rows": self._bounded(limit)}
        return cast("int", await self._writer.submit(Write((statements.DELETE_FORGOTTEN,), values)))

    async def ping(self) -> None:
        """Return when a record can be written and read now: one write that changes nothing goes the whole way."""
        await asyncio.gather(
            self._writer.submit(Write((statements.PROBE,), {})), self._reader.rows(statements.SELECT_REVISION)
        )

    async def aclose(self) -> None:
        """Write what waits, as far as time allows, and give everything back."""
        await self._writer.aclose()
        await self._backend.aclose()

    def _bounded(self, limit: int) -> int:
        return max(0, min(limit, self._limits.rows_max))


def _seen(at: PendingAt) -> dict[str, Value]:
    return {"of_tenant": at.tenant, "of_key": at.key, "seen": at.seen}


def _fields(row: Row) -> tuple[Any, ...]:
    """The columns of a row as arguments; the schema guarantees their types."""
    return tuple(row)


def _key(row: Row) -> ApiKey:
    tenant, key_id, consumer, agent, secret_hash, scopes, *instants = _fields(row)
    return ApiKey(tenant, key_id, consumer, agent, secret_hash, tuple(scopes.split()), *instants)


def _report(row: Row) -> OutcomeReport:
    tenant, check_id, reported_ms, outcome, found_ms, consumer, key_id = _fields(row)
    return OutcomeReport(
        tenant, check_id, TurnedOut(outcome), _instant(found_ms), _instant(reported_ms), consumer, key_id
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _joined(scopes: tuple[str, ...]) -> str:
    # Defensive: a scope with a space in it would come back as two.
    if any(not scope or scope.split() != [scope] for scope in scopes):
        raise ValueError("a scope is one word")
    return " ".join(scopes)

"""What goes into the store and what comes out of it.

Instants are integers in milliseconds since the epoch; bytes are stored as they come. The reprs show identifiers only:
keys, hashes, pseudonyms and payloads do not belong in logs.
"""

import msgspec

from broker.domain.event import Event


class Intent(msgspec.Struct, frozen=True):
    """What is about to be asked of operators; after ``abandon_after_ms`` a sweeper closes it as abandoned."""

    tenant: str
    check_id: str
    started_ms: int
    abandon_after_ms: int


class IdempotencyClaim(msgspec.Struct, frozen=True):
    """A caller's wish to be the one who runs this request.

    ``fingerprint`` is a digest of the canonical request and its agent. The claim holds until ``lease_until_ms``; after
    that another caller with the same request may take it over. After ``expires_ms`` the key is free for any request.
    ``now_ms`` is the caller's clock, against which both are judged for the row that is already there.
    """

    tenant: str
    endpoint: str
    key: str
    fingerprint: bytes
    check_id: str
    now_ms: int
    lease_until_ms: int
    expires_ms: int

    def __repr__(self) -> str:
        return f"IdempotencyClaim({self.tenant}, {self.check_id})"


class Begun(msgspec.Struct, frozen=True):
    """Go on: the intent and the claim, as far as they were given, are durable."""


class Replay(msgspec.Struct, frozen=True):
    """The same request was answered before, with this HTTP status and these bytes."""

    status: int
    response: bytes
    check_id: str

    def __repr__(self) -> str:
        return f"Replay({self.status}, {self.check_id})"


class Running(msgspec.Struct, frozen=True):
    """The same request is under way, under ``check_id``; its lease ends at ``lease_until_ms``."""

    check_id: str
    lease_until_ms: int


class Mismatch(msgspec.Struct, frozen=True):
    """The key belongs to another request."""


BeginOutcome = Begun | Replay | Running | Mismatch


class TenantKeyRow(msgspec.Struct, frozen=True):
    """One version of a tenant's key, wrapped under the root key ``root_id``."""

    tenant: str
    version: int
    root_id: str
    wrapped: bytes
    created_ms: int

    def __repr__(self) -> str:
        return f"TenantKeyRow({self.tenant}, {self.version})"


class SubjectKeyRow(msgspec.Struct, frozen=True):
    """A key of a subject, wrapped under version ``tenant_version`` of its tenant's key; ``key_id`` has 8 bytes."""

    tenant: str
    subject: bytes
    key_id: bytes
    tenant_version: int
    wrapped: bytes
    created_ms: int

    def __repr__(self) -> str:
        return f"SubjectKeyRow({self.tenant}, {self.tenant_version})"


class CheckCommit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one settling transaction writes.

    ``status`` is ``settled`` or ``abandoned``. A settled check carries every field but ``agent``, ``conversation_id``,
    ``amount`` with ``currency``, and ``trust_score``; an abandoned one may leave out all that its intent did not know.
    ``subject`` is the tenant's pseudonym, never a number. With a ``claim``, ``response`` and ``response_status`` are
    what a repetition gets. ``subject_key`` is the key that sealed the payloads, where it may be new to the store; the
    subject's row of that id stays as it is where there is one. ``calls`` are the metered calls of a check in JSON.
    """

    tenant: str
    check_id: str
    status: str
    consumer: str | None = None
    agent: str | None = None
    key_id: str | None = None
    subject: bytes | None = None
    conversation_id: str | None = None
    action_type: str | None = None
    action_digest: bytes | None = None
    action_class: str | None = None
    policy_id: str | None = None
    policy_version: int | None = None
    decision: str | None = None
    verdict: str | None = None
    trust_score: int | None = None
    amount: str | None = None
    currency: str | None = None
    started_ms: int
    settled_ms: int
    record: bytes
    evidence: bytes
    leaf_hash: bytes
    leaf_body: bytes
    claim: IdempotencyClaim | None = None
    response: bytes | None = None
    response_status: int = 200
    event: Event | None = None
    subject_key: SubjectKeyRow | None = None
    calls: bytes | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """A claim without an answer would leave every repetition waiting for the end of the lease."""
        if (self.claim is None) != (self.response is None):
            raise ValueError("a commit carries a claim and a response, or neither")
        if self.claim is not None and (self.claim.tenant, self.claim.check_id) != (self.tenant, self.check_id):
            raise ValueError("the claim of a commit belongs to another check")

    def __repr__(self) -> str:
        return f"CheckCommit({self.tenant}, {self.check_id}, {self.status})"


class RevisionCommit(msgspec.Struct, frozen=True, kw_only=True):
    """What is written when a check settles again, as revision ``revision``; the one before goes into the history.

    ``entry`` is the name of its leaf. Payloads are sealed, ``subject_key`` is as in a :class:`CheckCommit`.
    """

    tenant: str
    check_id: str
    revision: int
    decision: str
    verdict: str
    trust_score: int | None
    settled_ms: int
    record: bytes
    evidence: bytes
    entry: str
    leaf_hash: bytes
    leaf_body: bytes
    subject_key: SubjectKeyRow | None = None
    event: Event | None = None

    def __repr__(self) -> str:
        return f"RevisionCommit({self.tenant}, {self.check_id}, {self.revision})"


class JourneyStep(msgspec.Struct, frozen=True):
    """A check of a conversation; payloads as they are kept."""

    check_id: str
    subject: bytes | None
    settled_ms: int
    record: bytes
    evidence: bytes


class StoredRevision(msgspec.Struct, frozen=True):
    """What a check was before it settled again; the first one is revision 0. Payloads are sealed."""

    revision: int
    settled_ms: int
    record: bytes
    evidence: bytes

    def __repr__(self) -> str:
        return f"StoredRevision({self.revision})"


class StoredCheck(msgspec.Struct, frozen=True):
    """A check as it lies in the store; ``leaf_seq`` is the place of its leaf in the log, counted from 1 with gaps."""

    tenant: str
    check_id: str
    status: str
    consumer: str | None
    agent: str | None
    started_ms: int
    settled_ms: int
    record: bytes
    evidence: bytes
    leaf_seq: int
    leaf_hash: bytes
    subject: bytes | None = None

    def __repr__(self) -> str:
        return f"StoredCheck({self.tenant}, {self.check_id}, {self.status})"


class PastCheck(msgspec.Struct, frozen=True):
    """A settled check for those who learn from many: what it held, and the last word on what it turned out to be."""

    check_id: str
    settled_ms: int
    record: bytes
    evidence: bytes
    outcome: str | None
    found_ms: int | None
    subject: bytes | None = None

    def __repr__(self) -> str:
        return f"PastCheck({self.check_id})"


class AboutSubject(msgspec.Struct, frozen=True):
    """What to look back for: a subject of a tenant, the action that is asked now, and since when each part counts."""

    tenant: str
    subject: bytes
    action_type: str
    action_digest: bytes
    currency: str | None
    classes_since_ms: int
    refusals_since_ms: int
    allowed_since_ms: int

    def __repr__(self) -> str:
        return f"AboutSubject({self.tenant})"


class SubjectPast(msgspec.Struct, frozen=True):
    """What of a subject's past counts for what is asked now.

    Attributes:
        classes: of everything that was asked.
        refusals: of the very action, the decision and the instant in ms of its latest.
        allowed: amounts of the action's type and currency, and how often each was allowed; the newest ones.
    """

    classes: tuple[str, ...]
    refusals: tuple[tuple[str, int], ...]
    allowed: tuple[tuple[str, int], ...]


class PendingAt(msgspec.Struct, frozen=True):
    """Where a pending authentication lies: ``key`` is a digest of 32 bytes.

    ``seen`` is the version that is changed (0: none is there yet), ``version`` the one that takes its place.
    """

    tenant: str
    key: bytes
    seen: int
    version: int = 0

    def __repr__(self) -> str:
        return f"PendingAt({self.tenant}, {self.seen})"


class ApiKey(msgspec.Struct, frozen=True):
    """A consumer's bearer key without its secret: ``secret_hash`` is a SHA-256. ``None`` means never, for both ends."""

    tenant: str
    key_id: str
    consumer: str
    agent: str | None
    secret_hash: bytes
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def __repr__(self) -> str:
        return f"ApiKey({self.tenant}, {self.key_id})"


class StorageLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The maxima of the store. Times in milliseconds.

    Attributes:
        queue_max: units that may wait for a commit; one more is *overloaded*.
        batch_max: units that share one commit.
        commit_interval_ms: least time from the end of one commit to the start of the next.
        commit_wait_ms: how long a unit waits for its commit, queue included, before it is *unrecorded*.
        lock_wait_ms: how long a commit waits for locks that another process holds.
        reads_max: reads that may be under way or waiting; one more is *overloaded*.
        read_wait_ms: how long one read may take.
        read_connections: connections for reads (PostgreSQL only; SQLite has one).
        reconnect_min_ms: first pause before a lost database is tried again; it doubles up to ``reconnect_max_ms``.
        reconnect_max_ms: longest such pause, and so the longest that a recovery stays unnoticed.
        rows_max: rows that one list may return.
    """

    queue_max: int = 2048
    batch_max: int = 256
    commit_interval_ms: float = 2.0
    commit_wait_ms: int = 2000
    lock_wait_ms: int = 1000
    reads_max: int = 2048
    read_wait_ms: int = 1000
    read_connections: int = 2
    reconnect_min_ms: int = 50
    reconnect_max_ms: int = 2000
    rows_max: int = 1000

    def __post_init__(self) -> None:
        """A lock that is waited for longer than the unit itself would hold up every later batch for nothing."""
        counts = (self.queue_max, self.batch_max, self.reads_max, self.read_connections, self.rows_max)
        if min(counts) < 1 or self.commit_interval_ms < 0 or not 0 < self.lock_wait_ms <= self.commit_wait_ms:
            raise ValueError("limits are positive, and lock_wait_ms is at most commit_wait_ms")
        if self.read_wait_ms < 1 or not 0 < self.reconnect_min_ms <= self.reconnect_max_ms:
            raise ValueError("waits are positive, and reconnect_min_ms is at most reconnect_max_ms")

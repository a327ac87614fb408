"""Checks: who asked, what is under way, what was decided, what it turned out to be."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
)

from broker.storage.tables.schema import metadata

# `parent` is the platform that made the tenant; `limits` are its quotas and budgets as JSON, empty for those of the
# deployment.
tenants = Table(
    "tenants",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("parent", Text),
    Column("suspended_ms", BigInteger),
    Column("limits", Text),
    Index(None, "parent"),
)

# A key is looked up before its tenant is known, hence the second, global uniqueness of its id.
api_keys = Table(
    "api_keys",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("agent", Text),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    ForeignKeyConstraint(["tenant"], ["tenants.tenant"]),
    UniqueConstraint("key_id"),
    CheckConstraint("length(secret_hash) = 32", name="sha256"),
)

# What is about to be asked of operators. Small at all times: the settling transaction removes the row.
intents = Table(
    "intents",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("abandon_after_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `claimed_ms` lets one statement judge a whole batch of claims, each against its own instant.
idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("endpoint", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("check_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("response", LargeBinary),
    Column("expires_ms", BigInteger, nullable=False),
    CheckConstraint(
        "(state = 'running' AND status IS NULL AND response IS NULL)"
        " OR (state = 'done' AND status IS NOT NULL AND response IS NOT NULL)",
        name="state",
    ),
    Index(None, "expires_ms"),
)

# A settled check is complete. An abandoned one holds what its intent knew, and says so by leaving the rest empty.
checks = Table(
    "checks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("consumer", Text),
    Column("agent", Text),
    Column("key_id", Text),
    Column("subject", LargeBinary),
    Column("conversation_id", Text),
    Column("action_type", Text),
    Column("action_digest", LargeBinary),
    Column("action_class", Text),
    Column("policy_id", Text),
    Column("policy_version", Integer),
    Column("decision", Text),
    Column("verdict", Text),
    Column("trust_score", Integer),
    Column("started_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    # Decimals as text, exactly as asked: they are added up again.
    Column("amount", Text),
    Column("currency", Text),
    Column("revision", Integer, nullable=False, server_default="0"),
    CheckConstraint(
        "status = 'abandoned' OR (status = 'settled' AND consumer IS NOT NULL AND key_id IS NOT NULL"
        " AND subject IS NOT NULL AND action_type IS NOT NULL AND action_digest IS NOT NULL"
        " AND action_class IS NOT NULL AND policy_id IS NOT NULL AND policy_version IS NOT NULL"
        " AND decision IS NOT NULL AND verdict IS NOT NULL)",
        name="complete",
    ),
    Index(None, "tenant", "subject", "settled_ms"),
    Index("ix_checks_in_time", "tenant", "settled_ms", "check_id"),
    Index(None, "tenant", "conversation_id", "settled_ms"),
)

# What of a subject's past counts for what is asked next. Each part has an index of its own, in which its answer lies
# whole; the database takes it only where the query repeats the condition word for word. SQLite looks at the columns of
# the condition once more, so they are in the index, too.
TOLD = checks.c.status != literal_column("'abandoned'")
REFUSED = or_(checks.c.decision == literal_column("'review'"), checks.c.decision == literal_column("'deny'"))
ALLOWED = checks.c.decision == literal_column("'allow'")


def _about_subject(name: str, where: ColumnElement[bool], *columns: str) -> None:
    parts = [checks.c[column] for column in ("tenant", "subject", *columns)]
    Index(name, *parts, sqlite_where=where, postgresql_where=where)


_about_subject("ix_checks_classes_about", TOLD, "action_class", "settled_ms", "status")
_about_subject("ix_checks_refused_about", and_(TOLD, REFUSED), "action_digest", "decision", "settled_ms", "status")
_about_subject(
    "ix_checks_allowed_about",
    and_(TOLD, ALLOWED),
    "action_type",
    "currency",
    "settled_ms",
    "amount",
    "decision",
    "status",
)

# Apart from the check, so that a list of checks never drags the payloads along and erasure has one place to go.
evidence = Table(
    "evidence",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
)

# What a check was before it settled again: nothing that was decided is ever overwritten.
check_revisions = Table(
    "check_revisions",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("settled_ms", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    ForeignKeyConstraint(["tenant", "check_id"], ["checks.tenant", "checks.check_id"]),
    sqlite_with_rowid=False,
)

# What checks turned out to be. A row is never changed: the latest report counts, the earlier ones say who was wrong.
outcomes = Table(
    "outcomes",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("reported_ms", BigInteger, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("found_ms", BigInteger, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    ForeignKeyConstraint(["tenant", "check_id"], ["checks.tenant", "checks.check_id"]),
    CheckConstraint("outcome IN ('fraud', 'genuine', 'unknown')", name="word"),
    sqlite_with_rowid=False,
)

# `check_id` is the check's, or the id of a change of policies. `seq` is the order of the log over all tenants. On
# PostgreSQL it has gaps (a rolled back batch keeps its numbers), and with several nodes a lower number may become
# visible after a higher one: whoever builds the tree must not run ahead.
log_leaves = Table(
    "log_leaves",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("check_id", Text, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "check_id"),
    sqlite_autoincrement=True,
)

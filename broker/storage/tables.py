"""The tables, once. Every statement of both back ends is compiled from them, and the migrations are compared with them.

``tenant`` comes first in every primary key, so that a look-up cannot forget whose data it reads. Instants are integers:
milliseconds since the epoch, UTC. Only :data:`log_leaves` is keyed by its place in the log; see there.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
)

# Without names of our own the two databases would each invent one, and no migration could name what it changes.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

tenants = Table(
    "tenants",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
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
    CheckConstraint(
        "status = 'abandoned' OR (status = 'settled' AND consumer IS NOT NULL AND key_id IS NOT NULL"
        " AND subject IS NOT NULL AND action_type IS NOT NULL AND action_digest IS NOT NULL"
        " AND action_class IS NOT NULL AND policy_id IS NOT NULL AND policy_version IS NOT NULL"
        " AND decision IS NOT NULL AND verdict IS NOT NULL)",
        name="complete",
    ),
    Index(None, "tenant", "subject", "settled_ms"),
    Index("ix_checks_in_time", "tenant", "settled_ms", "check_id"),
    Index(None, "tenant", "conversation_id"),
)

# Apart from the check, so that a list of checks never drags the payloads along and erasure has one place to go.
evidence = Table(
    "evidence",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
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

# Whom operators were told to ask on the phone, until an answer is used. The key is a keyed digest of the question, the
# body is for whoever asked. `version` makes every change a compare-and-set.
pending_authentications = Table(
    "pending_authentications",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    CheckConstraint("length(key) = 32", name="digest"),
    Index(None, "until_ms"),
    sqlite_with_rowid=False,
)

# How often each tenant's policies, stops and shadows were changed, and over all tenants under the empty name: a node
# that sees the latter unmoved need look no further.
policy_heads = Table(
    "policy_heads",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

# Policy documents and evidence tables by the SHA-256 of their text, so that any check can be decided again.
rule_texts = Table(
    "rule_texts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("policy_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "digest"], ["rule_texts.tenant", "rule_texts.digest"]),
)

# Never deleted and changed once: from pending to what was decided.
policy_changes = Table(
    "policy_changes",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("change_id", Text, primary_key=True),
    Column("policy_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("base_version", Integer),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_ms", BigInteger),
    Column("effective_ms", BigInteger),
    Column("place", BigInteger),
    ForeignKeyConstraint(
        ["tenant", "policy_id", "version"],
        ["policy_versions.tenant", "policy_versions.policy_id", "policy_versions.version"],
    ),
    CheckConstraint(
        "(state = 'pending' AND decided_by IS NULL AND effective_ms IS NULL AND place IS NULL)"
        " OR (state = 'withdrawn' AND decided_by IS NOT NULL AND effective_ms IS NULL AND place IS NULL)"
        " OR (state = 'approved' AND decided_by IS NOT NULL AND effective_ms IS NOT NULL AND place IS NOT NULL)",
        name="state",
    ),
)

policy_stops = Table(
    "policy_stops",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("stop_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("stopped_by", Text, nullable=False),
    Column("stopped_ms", BigInteger, nullable=False),
    Column("resumed_by", Text),
    Column("resumed_ms", BigInteger),
)

shadow_runs = Table(
    "shadow_runs",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("shadow_id", Text, primary_key=True),
    Column("policy_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    ForeignKeyConstraint(["tenant", "digest"], ["rule_texts.tenant", "rule_texts.digest"]),
)

# One row a node and run: a node replaces its own counts, and a report adds them up.
shadow_tallies = Table(
    "shadow_tallies",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("shadow_id", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "shadow_id"], ["shadow_runs.tenant", "shadow_runs.shadow_id"]),
)

# One row: which root key made the pseudonyms in here. With another one every subject would become a stranger.
root_key = Table(
    "root_key",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", LargeBinary, nullable=False),
    CheckConstraint("one = 1", name="one"),
)

# Alembic's own table, named here because the store refuses to run on another revision, and writes to it as a probe.
schema_revision = table("alembic_version", column("version_num", Text))

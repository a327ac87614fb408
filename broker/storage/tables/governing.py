"""Policies: documents, changes, stops, shadows."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

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

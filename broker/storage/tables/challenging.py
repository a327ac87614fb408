"""Challenges: what people are asked to prove, and how it ended."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from broker.storage.tables.schema import metadata

# A link and a ticket are looked up before their tenant is known, hence their global uniqueness; both go when they are
# used. `due_ms` is empty for closed ones, so that its index holds the open ones alone.
challenges = Table(
    "challenges",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("challenge_id", Text, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("method", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("agent", Text),
    Column("opened_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("attempts_left", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("link", LargeBinary),
    Column("ticket", LargeBinary),
    Column("browser", LargeBinary),
    Column("closed_ms", BigInteger),
    Column("code", Text),
    UniqueConstraint("link"),
    UniqueConstraint("ticket"),
    CheckConstraint(
        "(state IN ('started', 'opened') AND closed_ms IS NULL)"
        " OR (state IN ('met', 'failed', 'expired', 'cancelled') AND closed_ms IS NOT NULL)",
        name="state",
    ),
    Index(None, "due_ms"),
    Index("ix_challenges_tenant", "tenant", "check_id", "opened_ms"),
    Index("ix_challenges_tenant_subject", "tenant", "subject", "opened_ms"),
)

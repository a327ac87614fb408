"""Challenges: what people are asked to prove, how it ended, and what was refused around them."""

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
    Index("ix_challenges_closed", "tenant", "closed_ms"),
    Index("ix_challenges_tenant_subject", "tenant", "subject", "opened_ms"),
)

# A person has one request of their operator's before them at a time: two cannot be told apart on the phone. A row whose
# time is over is taken over by the next; one that was answered is taken away.
open_prompts = Table(
    "open_prompts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("challenge_id", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Index(None, "until_ms"),
)

# What was refused before there was a challenge, came back for none, or lost a race: counted by the hour, so that nobody
# can fill the disk with it. The first of each hour has a leaf of the log as well. Tenant and consumer are empty where
# nobody knows who it was.
refusals = Table(
    "refusals",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("consumer", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("times", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Index(None, "hour_ms"),
)

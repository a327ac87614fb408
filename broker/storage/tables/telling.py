"""Events on their way to those who want to hear of them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from broker.storage.tables.schema import metadata

# `kinds` are words, empty for all. Secrets are derived from `generation` and kept nowhere.
webhooks = Table(
    "webhooks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("webhook_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("previous_until_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger),
    Column("disabled_why", Text),
)

# One row for each event and webhook, from the transaction in which it happened until it has arrived. `seq` is the order
# of all: like the log it is keyed by its place. A row without `due_ms` was given up, at `dead_ms`. Whoever sends it
# holds it until `lease_until_ms`.
outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("check_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger),
    Column("holder", Text),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("last_fault", Text),
    Column("dead_ms", BigInteger),
    ForeignKeyConstraint(["tenant", "webhook_id"], ["webhooks.tenant", "webhooks.webhook_id"], ondelete="CASCADE"),
    UniqueConstraint("tenant", "webhook_id", "event_id"),
    Index(None, "tenant", "webhook_id", "due_ms"),
    Index(None, "tenant", "webhook_id", "check_id", "seq"),
    Index(None, "holder"),
    Index(None, "dead_ms"),
    sqlite_autoincrement=True,
)

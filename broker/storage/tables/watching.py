"""Watches: whose trust is looked at again and again, for which consumer, and what was last seen."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

# `due_ms` is empty for those that are over, so that its index holds the others alone; so does the one that keeps a
# consumer from watching the same person for the same action twice. `sealed` is emptied with the end.
watches = Table(
    "watches",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("watch_id", Text, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("agent", Text),
    Column("action_type", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("every_s", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("sealed", LargeBinary, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("looked_ms", BigInteger),
    Column("check_id", Text),
    Column("decision", Text),
    Column("band", Text),
    Column("missing", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("closed_ms", BigInteger),
    Column("code", Text),
    CheckConstraint(
        "(state = 'watching' AND due_ms IS NOT NULL AND closed_ms IS NULL)"
        " OR (state IN ('expired', 'ended') AND due_ms IS NULL AND closed_ms IS NOT NULL)",
        name="state",
    ),
    Index(None, "due_ms"),
    Index("ix_watches_tenant_subject", "tenant", "subject", "opened_ms"),
    Index("ix_watches_tenant_consumer", "tenant", "consumer", "opened_ms"),
)
Index(
    "ix_watches_once",
    watches.c.tenant,
    watches.c.consumer,
    watches.c.subject,
    watches.c.action_type,
    unique=True,
    sqlite_where=watches.c.due_ms.is_not(None),
    postgresql_where=watches.c.due_ms.is_not(None),
)

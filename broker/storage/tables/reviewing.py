"""Reviews: checks that wait for a human, and what came of them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from broker.storage.tables.schema import metadata

# A check has one review at most. `version` makes every change a compare-and-set. `due_ms` is empty where the sweeper
# has nothing to do any more, so that its index holds the open ones alone.
reviews = Table(
    "reviews",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("review_id", Text, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("action_type", Text, nullable=False),
    Column("action_class", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_agent", Text),
    Column("requested_by", Text, nullable=False),
    Column("requested_agent", Text),
    Column("justification", Text, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("claimed_by", Text),
    Column("claimed_until_ms", BigInteger),
    Column("closed_by", Text),
    Column("closed_ms", BigInteger),
    Column("ruling", Text),
    Column("code", Text),
    Column("reason", Text),
    CheckConstraint(
        "(state IN ('queued', 'claimed') AND closed_ms IS NULL AND ruling IS NULL)"
        " OR (state = 'decided' AND closed_by IS NOT NULL AND closed_ms IS NOT NULL AND ruling IS NOT NULL"
        " AND code IS NOT NULL AND reason IS NOT NULL)"
        " OR (state = 'expired' AND closed_by IS NULL AND closed_ms IS NOT NULL AND ruling = 'deny')",
        name="state",
    ),
    UniqueConstraint("tenant", "check_id"),
    Index(None, "due_ms"),
    Index("ix_reviews_closed", "tenant", "closed_ms"),
    Index("ix_reviews_in_time", "tenant", "opened_ms", "review_id"),
    Index(None, "tenant", "subject", "closed_ms"),
)

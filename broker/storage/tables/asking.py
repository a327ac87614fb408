"""What people asked for about their own data."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

# `version` makes every change a compare-and-set. `sealed` holds what people wrote, under the key of the person: whoever
# is erased takes their words along.
subject_requests = Table(
    "subject_requests",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("about", Text),
    Column("sealed", LargeBinary, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("extendable_to_ms", BigInteger),
    Column("lapses_ms", BigInteger, nullable=False),
    Column("extended_ms", BigInteger),
    Column("proof", Text),
    Column("proofs", Integer, nullable=False),
    Column("proven_ms", BigInteger),
    Column("proven_by", Text),
    Column("vouched_by", Text),
    Column("closed_ms", BigInteger),
    Column("closed_by", Text),
    Column("code", Text),
    CheckConstraint(
        "(state = 'unproven' AND proven_ms IS NULL AND closed_ms IS NULL)"
        " OR (state = 'accepted' AND proven_ms IS NOT NULL AND closed_ms IS NULL)"
        " OR (state IN ('answered', 'refused', 'lapsed') AND closed_ms IS NOT NULL AND code IS NOT NULL)",
        name="state",
    ),
    CheckConstraint("kind IN ('access', 'correction', 'dispute', 'erasure', 'objection')", name="kind"),
    Index(None, "tenant", "subject", "opened_ms"),
    Index("ix_subject_requests_opened_by", "tenant", "opened_by", "opened_ms"),
    Index("ix_subject_requests_about", "tenant", "about"),
    Index("ix_subject_requests_due", "closed_ms", "due_ms"),
)

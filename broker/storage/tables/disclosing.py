"""Who at a tenant wanted which personal data to be told in clear."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text

from broker.storage.tables.schema import metadata

# A row is added, and withdrawn once; nothing else in it ever changes, and none is deleted.
disclosure_grants = Table(
    "disclosure_grants",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("grant_id", Text, primary_key=True),
    Column("disclosure", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("granted_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("withdrawn_by", Text),
    Column("withdrawn_ms", BigInteger),
    CheckConstraint("expires_ms > granted_ms", name="expires"),
    CheckConstraint("(withdrawn_by IS NULL) = (withdrawn_ms IS NULL)", name="withdrawn"),
)

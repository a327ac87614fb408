"""What people asked for or agreed to, by pseudonym, and what time has taken away."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

# The ledger of erasures; a row is never deleted. `cleared_ms` is empty until what the destroyed keys had sealed is
# taken out of the tables as well. A database that was restored from an older backup is told of them again.
erasures = Table(
    "erasures",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("erasure_id", Text, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    Column("erased_ms", BigInteger, nullable=False),
    Column("erased_by", Text, nullable=False),
    Column("cleared_ms", BigInteger),
    Index(None, "tenant", "subject"),
)

# News for nodes that hold something about a subject in memory. `ref` is the id of what changed. Read by time and with
# an overlap, because a row may become visible after a later one.
subject_changes = Table(
    "subject_changes",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("change_id", Text, primary_key=True),
    Column("subject", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index(None, "at_ms"),
)

# Subjects about whom operators are not to be asked: for a while, or because they objected. No row, no restriction.
subject_standings = Table(
    "subject_standings",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("paused_ms", BigInteger),
    Column("objected_ms", BigInteger),
    sqlite_with_rowid=False,
)

# Append-only: what becomes of a consent is a further version of it, and the highest one counts. Names after ISO/IEC TS
# 27560; `signals` are the data categories, parted by spaces.
consents = Table(
    "consents",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("consent_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("signals", Text, nullable=False),
    Column("jurisdiction", Text),
    Column("notice_version", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("proof", LargeBinary),
    Column("given_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("recorded_by", Text, nullable=False),
    CheckConstraint("state IN ('given', 'withdrawn', 'expired')", name="state"),
    CheckConstraint("proof IS NULL OR length(proof) = 32", name="proof"),
    Index(None, "tenant", "subject"),
    Index(None, "expires_ms"),
)

# How far the retention of each category of data has been enforced.
retention_marks = Table(
    "retention_marks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
    Column("ran_ms", BigInteger, nullable=False),
)

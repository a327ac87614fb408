"""What is kept between steps, and which root key made the pseudonyms in here."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

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

# One row: which root key made the pseudonyms in here. With another one every subject would become a stranger.
root_key = Table(
    "root_key",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", LargeBinary, nullable=False),
    CheckConstraint("one = 1", name="one"),
)

"""The transparency log: the tree over the leaves, what was signed of it, and how receipts ended.

The tree is one over all tenants, so only the ends of receipts begin with a tenant.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from broker.storage.tables.schema import metadata

# One row: how far the tree reaches. Whoever moves it from what they read has appended; everybody else has not.
log_head = Table(
    "log_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    CheckConstraint("one = 1", name="one"),
)

# C2SP tlog-tiles. Leaves enter the tree in the order of their `seq`, so the `seq` of the first leaf of a tile of level
# 0 is all that has to be kept to find the index of a leaf, and the leaf of an index.
log_tiles = Table(
    "log_tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("first_seq", BigInteger),
    CheckConstraint("(level = 0) = (first_seq IS NOT NULL)", name="first"),
    Index(None, "level", "first_seq"),
)

# Stored before it is signed: of one size there is one root, for ever.
log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text),
    CheckConstraint("length(root) = 32", name="root"),
)

log_cosignatures = Table(
    "log_cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),
    Column("line", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# A receipt ends once: used, or revoked, whichever is written first.
receipt_ends = Table(
    "receipt_ends",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("receipt", Text, primary_key=True),
    Column("check_id", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("how IN ('consumed', 'revoked')", name="how"),
    Index(None, "tenant", "check_id"),
)

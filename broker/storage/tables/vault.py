"""Keys of the vault, wrapped: nothing in here opens anything without a root key that lies elsewhere."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from broker.storage.tables.schema import metadata

# Each version of a tenant's key, wrapped under the root key of that name. The highest version wraps what is new.
tenant_keys = Table(
    "tenant_keys",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("root_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# A subject may have several keys: two nodes that meet it at the same moment make one each, and no payload is lost.
# Erasure deletes them all, and with them everything that they sealed, in every copy of it.
subject_keys = Table(
    "subject_keys",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("subject", LargeBinary, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("tenant_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "tenant_version"], ["tenant_keys.tenant", "tenant_keys.version"]),
    CheckConstraint("length(key_id) = 8", name="key_id"),
    Index(None, "tenant", "tenant_version"),
    sqlite_with_rowid=False,
)

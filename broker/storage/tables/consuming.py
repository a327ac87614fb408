"""Who may call with tokens, what they spent, and what must not be used twice."""

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
    UniqueConstraint,
)

from broker.storage.tables.schema import metadata

# A client is looked up before its tenant is known, hence the second, global uniqueness of its id. `jwks` are public
# keys (RFC 7517) pinned at registration, empty where `jwks_uri` says where they are, or where it is a `certificate`
# that proves the client (RFC 8705): `kind:value`. `bound`: only tokens bound to a key; `delegates`: may exchange tokens
# of users.
clients = Table(
    "clients",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("agent", Text),
    Column("jwks", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("bound", Integer, nullable=False),
    Column("delegates", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger),
    Column("jwks_uri", Text),
    Column("certificate", Text),
    ForeignKeyConstraint(["tenant"], ["tenants.tenant"]),
    UniqueConstraint("client_id"),
)

# Whose word a tenant takes for who its users are.
trusted_issuers = Table(
    "trusted_issuers",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("jwks", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant"], ["tenants.tenant"]),
)

# Ids that were used (assertions) or must not be used (tokens that were revoked), until they would be refused anyway.
used_ids = Table(
    "used_ids",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('assertion', 'revoked')", name="kind"),
    CheckConstraint("length(digest) = 32", name="sha256"),
    Index(None, "until_ms"),
    sqlite_with_rowid=False,
)

# One row a settled check, written with it, and one each call outside checks (`use_…` for the check): who asked, and
# what each operator call cost. `calls` is JSON.
metering = Table(
    "metering",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("check_id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("agent", Text),
    Column("calls", LargeBinary, nullable=False),
    Index(None, "tenant", "at_ms", "check_id"),
    sqlite_with_rowid=False,
)

# What a tenant with a budget has spent or reserved in a month, in millionths of the currency, and when it was told
# that this is most of it.
budgets = Table(
    "budgets",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("low_ms", BigInteger),
    sqlite_with_rowid=False,
)

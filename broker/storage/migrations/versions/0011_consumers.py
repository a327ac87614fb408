"""Nested tenants, OAuth clients, trusted issuers, used ids, metering, budgets.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = ("budgets", "metering", "used_ids", "trusted_issuers", "clients")


def upgrade() -> None:
    for column in (
        sa.Column("parent", sa.Text()),
        sa.Column("suspended_ms", sa.BigInteger()),
        sa.Column("limits", sa.Text()),
    ):
        op.add_column("tenants", column)
    op.create_index("ix_tenants_parent", "tenants", ["parent"])
    _credentials()
    _spending()


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)
    op.drop_index("ix_tenants_parent", "tenants")
    with op.batch_alter_table("tenants") as batch:
        for name in ("limits", "suspended_ms", "parent"):
            batch.drop_column(name)


def _credentials() -> None:
    op.create_table(
        "clients",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("jwks", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.Column("delegates", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "client_id", name="pk_clients"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_clients_tenants"),
        sa.UniqueConstraint("client_id", name="uq_clients_client_id"),
    )
    op.create_table(
        "trusted_issuers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jwks", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "issuer", name="pk_trusted_issuers"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_trusted_issuers_tenants"),
    )
    op.create_table(
        "used_ids",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "digest", name="pk_used_ids"),
        sa.CheckConstraint("kind IN ('assertion', 'revoked')", name=op.f("ck_used_ids_kind")),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_used_ids_sha256")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_ids_until_ms", "used_ids", ["until_ms"])


def _spending() -> None:
    op.create_table(
        "metering",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("calls", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", name="pk_metering"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metering_tenant_at_ms_check_id", "metering", ["tenant", "at_ms", "check_id"])
    op.create_table(
        "budgets",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "period", "currency", name="pk_budgets"),
        sqlite_with_rowid=False,
    )

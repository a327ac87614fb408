"""Keys of tenants and subjects, wrapped.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenant_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "version", name="pk_tenant_keys"),
    )
    op.create_table(
        "subject_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_version", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", "key_id", name="pk_subject_keys"),
        sa.ForeignKeyConstraint(
            ["tenant", "tenant_version"],
            ["tenant_keys.tenant", "tenant_keys.version"],
            name="fk_subject_keys_tenant_keys",
        ),
        sa.CheckConstraint("length(key_id) = 8", name=op.f("ck_subject_keys_key_id")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_subject_keys_tenant_tenant_version", "subject_keys", ["tenant", "tenant_version"])


def downgrade() -> None:
    op.drop_table("subject_keys")
    op.drop_table("tenant_keys")

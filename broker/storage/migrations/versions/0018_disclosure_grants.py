"""Grants of tenants to be told personal data in clear.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disclosure_grants",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("disclosure", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.Text()),
        sa.Column("withdrawn_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "grant_id", name="pk_disclosure_grants"),
        sa.CheckConstraint("expires_ms > granted_ms", name=op.f("ck_disclosure_grants_expires")),
        sa.CheckConstraint(
            "(withdrawn_by IS NULL) = (withdrawn_ms IS NULL)", name=op.f("ck_disclosure_grants_withdrawn")
        ),
    )


def downgrade() -> None:
    op.drop_table("disclosure_grants")

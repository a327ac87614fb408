"""Whom operators were told to ask on the phone (CIBA), so that a restart asks nobody twice.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pending_authentications",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_pending_authentications"),
        sa.CheckConstraint("length(key) = 32", name=op.f("ck_pending_authentications_digest")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pending_authentications_until_ms", "pending_authentications", ["until_ms"])


def downgrade() -> None:
    op.drop_table("pending_authentications")

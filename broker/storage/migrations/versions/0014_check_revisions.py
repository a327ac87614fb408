"""Checks settle again: how often they did, and what they were before.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checks", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "check_revisions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", "revision", name="pk_check_revisions"),
        sa.ForeignKeyConstraint(
            ["tenant", "check_id"], ["checks.tenant", "checks.check_id"], name="fk_check_revisions_checks"
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("check_revisions")
    op.drop_column("checks", "revision")

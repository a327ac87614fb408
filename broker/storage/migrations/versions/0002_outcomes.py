"""What checks turned out to be.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outcomes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("reported_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("found_ms", sa.BigInteger(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", "reported_ms", name="pk_outcomes"),
        sa.ForeignKeyConstraint(
            ["tenant", "check_id"], ["checks.tenant", "checks.check_id"], name="fk_outcomes_checks"
        ),
        sa.CheckConstraint("outcome IN ('fraud', 'genuine', 'unknown')", name=op.f("ck_outcomes_word")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("outcomes")

"""One open prompt for each person, and what was refused around proofs and reviews.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "open_prompts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("challenge_id", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_open_prompts"),
    )
    op.create_index("ix_open_prompts_until_ms", "open_prompts", ["until_ms"])
    op.create_table(
        "refusals",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "consumer", "code", "hour_ms", name="pk_refusals"),
    )
    op.create_index("ix_refusals_hour_ms", "refusals", ["hour_ms"])


def downgrade() -> None:
    op.drop_table("refusals")
    op.drop_table("open_prompts")

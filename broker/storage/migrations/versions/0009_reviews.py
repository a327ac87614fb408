"""Checks that wait for a human.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("action_class", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_agent", sa.Text()),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_agent", sa.Text()),
        sa.Column("justification", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("claimed_until_ms", sa.BigInteger()),
        sa.Column("closed_by", sa.Text()),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("ruling", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "review_id", name="pk_reviews"),
        sa.CheckConstraint(
            "(state IN ('queued', 'claimed') AND closed_ms IS NULL AND ruling IS NULL)"
            " OR (state = 'decided' AND closed_by IS NOT NULL AND closed_ms IS NOT NULL AND ruling IS NOT NULL"
            " AND code IS NOT NULL AND reason IS NOT NULL)"
            " OR (state = 'expired' AND closed_by IS NULL AND closed_ms IS NOT NULL AND ruling = 'deny')",
            name=op.f("ck_reviews_state"),
        ),
        sa.UniqueConstraint("tenant", "check_id", name=op.f("uq_reviews_tenant_check_id")),
    )
    op.create_index(op.f("ix_reviews_due_ms"), "reviews", ["due_ms"])
    op.create_index(op.f("ix_reviews_in_time"), "reviews", ["tenant", "opened_ms", "review_id"])
    op.create_index(op.f("ix_reviews_tenant_subject_closed_ms"), "reviews", ["tenant", "subject", "closed_ms"])


def downgrade() -> None:
    op.drop_table("reviews")

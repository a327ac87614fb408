"""Challenges.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STATES = (
    "(state IN ('started', 'opened') AND closed_ms IS NULL)"
    " OR (state IN ('met', 'failed', 'expired', 'cancelled') AND closed_ms IS NOT NULL)"
)


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("challenge_id", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary()),
        sa.Column("ticket", sa.LargeBinary()),
        sa.Column("browser", sa.LargeBinary()),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "challenge_id", name="pk_challenges"),
        sa.UniqueConstraint("link", name="uq_challenges_link"),
        sa.UniqueConstraint("ticket", name="uq_challenges_ticket"),
        sa.CheckConstraint(_STATES, name=op.f("ck_challenges_state")),
    )
    op.create_index("ix_challenges_due_ms", "challenges", ["due_ms"])
    op.create_index("ix_challenges_tenant", "challenges", ["tenant", "check_id", "opened_ms"])
    op.create_index("ix_challenges_tenant_subject", "challenges", ["tenant", "subject", "opened_ms"])


def downgrade() -> None:
    op.drop_table("challenges")

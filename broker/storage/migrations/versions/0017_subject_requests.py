"""What people ask for about their own data.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATES = (
    "(state = 'unproven' AND proven_ms IS NULL AND closed_ms IS NULL)"
    " OR (state = 'accepted' AND proven_ms IS NOT NULL AND closed_ms IS NULL)"
    " OR (state IN ('answered', 'refused', 'lapsed') AND closed_ms IS NOT NULL AND code IS NOT NULL)"
)
_KINDS = "kind IN ('access', 'correction', 'dispute', 'erasure', 'objection')"


def upgrade() -> None:
    op.create_table(
        "subject_requests",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("about", sa.Text()),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("extendable_to_ms", sa.BigInteger()),
        sa.Column("lapses_ms", sa.BigInteger(), nullable=False),
        sa.Column("extended_ms", sa.BigInteger()),
        sa.Column("proof", sa.Text()),
        sa.Column("proofs", sa.Integer(), nullable=False),
        sa.Column("proven_ms", sa.BigInteger()),
        sa.Column("proven_by", sa.Text()),
        sa.Column("vouched_by", sa.Text()),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("closed_by", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "request_id", name="pk_subject_requests"),
        sa.CheckConstraint(_STATES, name=op.f("ck_subject_requests_state")),
        sa.CheckConstraint(_KINDS, name=op.f("ck_subject_requests_kind")),
    )
    op.create_index(
        "ix_subject_requests_tenant_subject_opened_ms", "subject_requests", ["tenant", "subject", "opened_ms"]
    )
    op.create_index("ix_subject_requests_opened_by", "subject_requests", ["tenant", "opened_by", "opened_ms"])
    op.create_index("ix_subject_requests_about", "subject_requests", ["tenant", "about"])
    op.create_index("ix_subject_requests_due", "subject_requests", ["closed_ms", "due_ms"])


def downgrade() -> None:
    op.drop_table("subject_requests")

"""Watches.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_STATES = (
    "(state = 'watching' AND due_ms IS NOT NULL AND closed_ms IS NULL)"
    " OR (state IN ('expired', 'ended') AND due_ms IS NULL AND closed_ms IS NOT NULL)"
)


def upgrade() -> None:
    op.create_table(
        "watches",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("watch_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("every_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("looked_ms", sa.BigInteger()),
        sa.Column("check_id", sa.Text()),
        sa.Column("decision", sa.Text()),
        sa.Column("band", sa.Text()),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("unsure", sa.Integer(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "watch_id", name="pk_watches"),
        sa.CheckConstraint(_STATES, name=op.f("ck_watches_state")),
    )
    open_ones = sa.text("due_ms IS NOT NULL")
    op.create_index("ix_watches_due_ms", "watches", ["due_ms"])
    op.create_index("ix_watches_tenant_subject", "watches", ["tenant", "subject", "opened_ms"])
    op.create_index("ix_watches_tenant_consumer", "watches", ["tenant", "consumer", "opened_ms"])
    op.create_index(
        "ix_watches_once",
        "watches",
        ["tenant", "consumer", "subject", "action_type"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )


def downgrade() -> None:
    op.drop_table("watches")

"""Events, and where they are told.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("previous_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger()),
        sa.Column("disabled_why", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "webhook_id", name="pk_webhooks"),
    )
    _outbox()


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("holder", sa.Text()),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_fault", sa.Text()),
        sa.Column("dead_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.ForeignKeyConstraint(
            ["tenant", "webhook_id"],
            ["webhooks.tenant", "webhooks.webhook_id"],
            name="fk_outbox_webhooks",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("tenant", "webhook_id", "event_id", name="uq_outbox_tenant_webhook_id_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_tenant_webhook_id_due_ms", "outbox", ["tenant", "webhook_id", "due_ms"])
    op.create_index("ix_outbox_tenant_webhook_id_check_id_seq", "outbox", ["tenant", "webhook_id", "check_id", "seq"])
    op.create_index("ix_outbox_holder", "outbox", ["holder"])
    op.create_index("ix_outbox_dead_ms", "outbox", ["dead_ms"])


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("webhooks")

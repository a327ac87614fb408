"""Checks of one conversation in order of time.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_BEFORE, _NOW = "ix_checks_tenant_conversation_id", "ix_checks_tenant_conversation_id_settled_ms"


def upgrade() -> None:
    op.create_index(_NOW, "checks", ["tenant", "conversation_id", "settled_ms"])
    op.drop_index(_BEFORE, "checks")


def downgrade() -> None:
    op.create_index(_BEFORE, "checks", ["tenant", "conversation_id"])
    op.drop_index(_NOW, "checks")

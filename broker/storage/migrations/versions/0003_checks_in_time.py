"""Checks of a tenant in the order of time.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_checks_in_time", "checks", ["tenant", "settled_ms", "check_id"])


def downgrade() -> None:
    op.drop_index("ix_checks_in_time", "checks")

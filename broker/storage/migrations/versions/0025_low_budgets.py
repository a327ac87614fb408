"""When it was said of a budget that it is nearly spent: once a month, by one node.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("budgets", sa.Column("low_ms", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("budgets", "low_ms")

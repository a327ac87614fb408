"""The amount of a check's action, to be added up over several checks.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checks", sa.Column("amount", sa.Text()))
    op.add_column("checks", sa.Column("currency", sa.Text()))


def downgrade() -> None:
    op.drop_column("checks", "currency")
    op.drop_column("checks", "amount")

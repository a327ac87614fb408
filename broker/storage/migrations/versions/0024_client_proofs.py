"""Other ways in which an OAuth client proves itself: keys at an address of its own, or a certificate.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("jwks_uri", sa.Text()))
    op.add_column("clients", sa.Column("certificate", sa.Text()))


def downgrade() -> None:
    op.drop_column("clients", "certificate")
    op.drop_column("clients", "jwks_uri")

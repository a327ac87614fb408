"""Which root key the pseudonyms in here were made with.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "root_key",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_root_key"),
        sa.CheckConstraint("one = 1", name=op.f("ck_root_key_one")),
    )


def downgrade() -> None:
    op.drop_table("root_key")

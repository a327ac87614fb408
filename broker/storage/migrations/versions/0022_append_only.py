"""What is only ever added to is refused any change by the database: put there after this and every later migration.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

from broker.storage.migrations.append_only import names

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing here: see ``migrations/append_only.py``."""


def downgrade() -> None:
    on = {"postgresql": " ON {}"}.get(op.get_bind().dialect.name, "")
    for name, table in names().items():
        op.execute(f"DROP TRIGGER IF EXISTS {name}{on.format(table)}")

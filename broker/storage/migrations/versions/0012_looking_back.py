"""Indexes out of which a subject's recent checks are answered without reading one of them.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TOLD = "status != 'abandoned'"
_PARTS = {
    "ix_checks_classes_about": (["action_class", "settled_ms", "status"], _TOLD),
    "ix_checks_refused_about": (
        ["action_digest", "decision", "settled_ms", "status"],
        f"{_TOLD} AND (decision = 'review' OR decision = 'deny')",
    ),
    "ix_checks_allowed_about": (
        ["action_type", "currency", "settled_ms", "amount", "decision", "status"],
        f"{_TOLD} AND decision = 'allow'",
    ),
}


def upgrade() -> None:
    for name, (columns, where) in _PARTS.items():
        part = sa.text(where)
        op.create_index(name, "checks", ["tenant", "subject", *columns], sqlite_where=part, postgresql_where=part)


def downgrade() -> None:
    for name in _PARTS:
        op.drop_index(name, "checks")

"""The tree over the leaves of the log, its checkpoints and cosignatures, and the ends of receipts.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = ("receipt_ends", "log_cosignatures", "log_checkpoints", "log_tiles", "log_head")


def upgrade() -> None:
    head = op.create_table(
        "log_head",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_log_head"),
        sa.CheckConstraint("one = 1", name=op.f("ck_log_head_one")),
    )
    op.bulk_insert(head, [{"one": 1, "size": 0, "last_seq": 0}])
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("first_seq", sa.BigInteger()),
        sa.PrimaryKeyConstraint("level", "number", name="pk_log_tiles"),
        sa.CheckConstraint("(level = 0) = (first_seq IS NOT NULL)", name=op.f("ck_log_tiles_first")),
    )
    op.create_index("ix_log_tiles_level_first_seq", "log_tiles", ["level", "first_seq"])
    _checkpoints()
    _receipts()


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)


def _checkpoints() -> None:
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("size", name="pk_log_checkpoints"),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_log_checkpoints_root")),
    )
    op.create_table(
        "log_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name="pk_log_cosignatures"),
    )


def _receipts() -> None:
    op.create_table(
        "receipt_ends",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "receipt", name="pk_receipt_ends"),
        sa.CheckConstraint("how IN ('consumed', 'revoked')", name=op.f("ck_receipt_ends_how")),
    )
    op.create_index("ix_receipt_ends_tenant_check_id", "receipt_ends", ["tenant", "check_id"])

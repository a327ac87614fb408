"""Erasures, consents, restrictions of subjects, news of them for other nodes, marks of retention.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("retention_marks", "consents", "subject_standings", "subject_changes", "erasures")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), nullable=False),
        sa.Column("erased_by", sa.Text(), nullable=False),
        sa.Column("cleared_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "erasure_id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_tenant_subject", "erasures", ["tenant", "subject"])
    op.create_table(
        "subject_changes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "change_id", name="pk_subject_changes"),
    )
    op.create_index("ix_subject_changes_at_ms", "subject_changes", ["at_ms"])
    op.create_table(
        "subject_standings",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("paused_ms", sa.BigInteger()),
        sa.Column("objected_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_subject_standings"),
        sqlite_with_rowid=False,
    )
    _consents()
    op.create_table(
        "retention_marks",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("ran_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "category", name="pk_retention_marks"),
    )


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("consent_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("signals", sa.Text(), nullable=False),
        sa.Column("jurisdiction", sa.Text()),
        sa.Column("notice_version", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("proof", sa.LargeBinary()),
        sa.Column("given_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "consent_id", "version", name="pk_consents"),
        sa.CheckConstraint("state IN ('given', 'withdrawn', 'expired')", name=op.f("ck_consents_state")),
        sa.CheckConstraint("proof IS NULL OR length(proof) = 32", name=op.f("ck_consents_proof")),
    )
    op.create_index("ix_consents_tenant_subject", "consents", ["tenant", "subject"])
    op.create_index("ix_consents_expires_ms", "consents", ["expires_ms"])

"""Tenants and their keys; intents, idempotency, checks with their evidence, and the leaves of the log.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tenants_and_keys()
    _requests()
    _checks()
    _log()


def downgrade() -> None:
    for name in ("log_leaves", "evidence", "checks", "idempotency", "intents", "api_keys", "tenants"):
        op.drop_table(name)


def _tenants_and_keys() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "key_id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], name="fk_api_keys_tenants"),
        sa.UniqueConstraint("key_id", name="uq_api_keys_key_id"),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_api_keys_sha256")),
    )


def _requests() -> None:
    op.create_table(
        "intents",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("abandon_after_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", name="pk_intents"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("response", sa.LargeBinary()),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "key", name="pk_idempotency"),
        sa.CheckConstraint(
            "(state = 'running' AND status IS NULL AND response IS NULL)"
            " OR (state = 'done' AND status IS NOT NULL AND response IS NOT NULL)",
            name=op.f("ck_idempotency_state"),
        ),
    )
    op.create_index("ix_idempotency_expires_ms", "idempotency", ["expires_ms"])


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text()),
        sa.Column("agent", sa.Text()),
        sa.Column("key_id", sa.Text()),
        sa.Column("subject", sa.LargeBinary()),
        sa.Column("conversation_id", sa.Text()),
        sa.Column("action_type", sa.Text()),
        sa.Column("action_digest", sa.LargeBinary()),
        sa.Column("action_class", sa.Text()),
        sa.Column("policy_id", sa.Text()),
        sa.Column("policy_version", sa.Integer()),
        sa.Column("decision", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("trust_score", sa.Integer()),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", name="pk_checks"),
        sa.CheckConstraint(
            "status = 'abandoned' OR (status = 'settled' AND consumer IS NOT NULL AND key_id IS NOT NULL"
            " AND subject IS NOT NULL AND action_type IS NOT NULL AND action_digest IS NOT NULL"
            " AND action_class IS NOT NULL AND policy_id IS NOT NULL AND policy_version IS NOT NULL"
            " AND decision IS NOT NULL AND verdict IS NOT NULL)",
            name=op.f("ck_checks_complete"),
        ),
    )
    op.create_index("ix_checks_tenant_subject_settled_ms", "checks", ["tenant", "subject", "settled_ms"])
    op.create_index("ix_checks_tenant_conversation_id", "checks", ["tenant", "conversation_id"])


def _log() -> None:
    op.create_table(
        "evidence",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "check_id", name="pk_evidence"),
    )
    op.create_table(
        "log_leaves",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_log_leaves"),
        sa.UniqueConstraint("tenant", "check_id", name="uq_log_leaves_tenant_check_id"),
        sqlite_autoincrement=True,
    )

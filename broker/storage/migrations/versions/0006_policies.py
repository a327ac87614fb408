"""Versions of policies, who brought them in force, what is halted, and candidates that run beside live traffic.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    "shadow_tallies",
    "shadow_runs",
    "policy_stops",
    "policy_changes",
    "policy_versions",
    "rule_texts",
    "policy_heads",
)


def upgrade() -> None:
    heads = op.create_table(
        "policy_heads",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_policy_heads"),
    )
    op.bulk_insert(heads, [{"tenant": "", "revision": 0}])
    _texts_and_versions()
    _changes()
    _stops()
    _shadows()


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)


def _texts_and_versions() -> None:
    op.create_table(
        "rule_texts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_rule_texts"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "policy_id", "version", name="pk_policy_versions"),
        sa.ForeignKeyConstraint(
            ["tenant", "digest"], ["rule_texts.tenant", "rule_texts.digest"], name="fk_policy_versions_rule_texts"
        ),
    )


def _changes() -> None:
    op.create_table(
        "policy_changes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base_version", sa.Integer()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_ms", sa.BigInteger()),
        sa.Column("effective_ms", sa.BigInteger()),
        sa.Column("place", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "change_id", name="pk_policy_changes"),
        sa.ForeignKeyConstraint(
            ["tenant", "policy_id", "version"],
            ["policy_versions.tenant", "policy_versions.policy_id", "policy_versions.version"],
            name="fk_policy_changes_policy_versions",
        ),
        sa.CheckConstraint(
            "(state = 'pending' AND decided_by IS NULL AND effective_ms IS NULL AND place IS NULL)"
            " OR (state = 'withdrawn' AND decided_by IS NOT NULL AND effective_ms IS NULL AND place IS NULL)"
            " OR (state = 'approved' AND decided_by IS NOT NULL AND effective_ms IS NOT NULL AND place IS NOT NULL)",
            name=op.f("ck_policy_changes_state"),
        ),
    )


def _stops() -> None:
    op.create_table(
        "policy_stops",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("stop_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=False),
        sa.Column("stopped_ms", sa.BigInteger(), nullable=False),
        sa.Column("resumed_by", sa.Text()),
        sa.Column("resumed_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "stop_id", name="pk_policy_stops"),
    )


def _shadows() -> None:
    op.create_table(
        "shadow_runs",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("shadow_id", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "shadow_id", name="pk_shadow_runs"),
        sa.ForeignKeyConstraint(
            ["tenant", "digest"], ["rule_texts.tenant", "rule_texts.digest"], name="fk_shadow_runs_rule_texts"
        ),
    )
    op.create_table(
        "shadow_tallies",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("shadow_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "shadow_id", "node", name="pk_shadow_tallies"),
        sa.ForeignKeyConstraint(
            ["tenant", "shadow_id"],
            ["shadow_runs.tenant", "shadow_runs.shadow_id"],
            name="fk_shadow_tallies_shadow_runs",
        ),
    )

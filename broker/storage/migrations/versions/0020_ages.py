"""Find challenges and reviews by when they were over.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_challenges_closed", "challenges", ["tenant", "closed_ms"])
    op.create_index("ix_reviews_closed", "reviews", ["tenant", "closed_ms"])


def downgrade() -> None:
    op.drop_index("ix_reviews_closed", "reviews")
    op.drop_index("ix_challenges_closed", "challenges")

"""Where artifacts' bytes are that are not in the database."""

import sqlalchemy as sa
from alembic import op

revision = "0014_artifact_buckets"
down_revision = "0013_threads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: the bytes of all artifacts are in the database."""
    op.add_column("artifacts", sa.Column("bucket", sa.Text(), nullable=True))
    op.create_index(op.f("ix_artifacts_bucket_pruned_at"), "artifacts", ["bucket", "pruned_at"])


def downgrade() -> None:
    """Drop the column. What is in a bucket is not brought back: restore a backup instead."""
    op.drop_index(op.f("ix_artifacts_bucket_pruned_at"), "artifacts")
    op.drop_column("artifacts", "bucket")

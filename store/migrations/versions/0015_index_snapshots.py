"""Where the index is in a bucket, and who writes it there."""

import sqlalchemy as sa
from alembic import op

revision = "0015_index_snapshots"
down_revision = "0014_artifact_buckets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "index_snapshots",
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=True),
        sa.Column("state", sa.JSON(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("writer", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("embedder", "form", name=op.f("pk_index_snapshots")),
    )


def downgrade() -> None:
    """Drop it. What is in the bucket stays there; nothing needs it."""
    op.drop_table("index_snapshots")

"""What of a book's file is not in its text."""

import sqlalchemy as sa
from alembic import op

revision = "0011_warnings"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the texts there are, nothing is known to be left out."""
    op.add_column("revisions", sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("revisions", "warnings")

"""What of a book's file is not in its text."""

import sqlalchemy as sa
from alembic import op

revision = "0011_warnings"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of the texts there are, nothing is known to be left out.

    A book has those of its newest revision, as it has its size: a list of books then reads no texts.
    """
    for table in ("books", "revisions"):
        op.add_column(table, sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop the columns."""
    for table in ("revisions", "books"):
        op.drop_column(table, "warnings")

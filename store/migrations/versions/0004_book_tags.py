"""The tags of books."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "book_tags",
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_book_tags_book_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", "tag", name=op.f("pk_book_tags")),
    )
    op.create_index(op.f("ix_book_tags_tag"), "book_tags", ["tag"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("book_tags")

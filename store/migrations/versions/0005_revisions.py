"""Revisions of a book's text, its pages, and where a version comes from."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def columns() -> dict[str, list[sa.Column[Any]]]:
    """New columns by table. As in the second migration, a batch would drop rows on SQLite: they are added."""
    return {
        "books": [
            sa.Column("format", sa.String(length=16), nullable=False, server_default="txt"),
            sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        ],
        "chapters": [
            sa.Column("matter", sa.String(length=8), nullable=False, server_default="body"),
            sa.Column("anchor", sa.Text(), nullable=True),
        ],
        "artifacts": [sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True)],
        "versions": [
            sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("libraries", sa.JSON(), nullable=False, server_default="{}"),
            sa.Column("data", sa.JSON(), nullable=False, server_default="{}"),
            sa.Column("gate", sa.JSON(), nullable=True),
            sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True),
        ],
        "jobs": [sa.Column("force", sa.Boolean(), nullable=False, server_default=sa.false())],
    }


def upgrade() -> None:
    """Add the columns, and make every text the first revision of its book."""
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    op.execute("UPDATE books SET format = 'md' WHERE lower(filename) LIKE '%.md'")
    op.execute("UPDATE books SET format = 'md' WHERE lower(filename) LIKE '%.markdown'")
    op.create_table(
        "pages",
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["books.id"], name=op.f("fk_pages_book_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("book_id", "ordinal", name=op.f("pk_pages")),
    )
    op.create_table(
        "revisions",
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_revisions_book_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", "number", name=op.f("pk_revisions")),
    )
    op.execute(
        "INSERT INTO revisions (book_id, number, sha256, filename, format, characters, text, created_at) "
        "SELECT id, 1, sha256, filename, format, characters, text, created_at "
        "FROM books JOIN book_texts ON book_texts.book_id = books.id"
    )
    op.drop_table("book_texts")


def downgrade() -> None:
    """Keep the newest text of each book, and drop what came."""
    op.create_table(
        "book_texts",
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_book_texts_book_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", name=op.f("pk_book_texts")),
    )
    op.execute(
        "INSERT INTO book_texts (book_id, text) SELECT book_id, text FROM revisions "
        "JOIN books ON books.id = revisions.book_id AND books.revision = revisions.number"
    )
    op.drop_table("revisions")
    op.drop_table("pages")
    for table, added in columns().items():
        for column in added:
            op.drop_column(table, column.name)

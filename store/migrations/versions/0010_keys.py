"""API keys, owners of books, and the audit log."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what there is belongs to the library `local`.

    SQLite can neither drop a unique constraint nor, without losing rows of other tables, make a table anew:
    the column that has the constraint becomes `content_key`, and `sha256` is a new one.
    """
    op.add_column("books", sa.Column("owner", sa.String(length=64), nullable=False, server_default="local"))
    op.execute("ALTER TABLE books RENAME COLUMN sha256 TO content_key")
    op.add_column("books", sa.Column("sha256", sa.String(length=64), nullable=False, server_default=""))
    op.execute("UPDATE books SET sha256 = content_key")
    keyed = sa.text("UPDATE books SET content_key = :key WHERE id = :id")
    for book_id, sha256 in op.get_bind().execute(sa.text("SELECT id, sha256 FROM books")).all():
        key = hashlib.sha256(f"local\n{sha256}".encode()).hexdigest()
        op.get_bind().execute(keyed, {"key": key, "id": book_id})
    op.create_index(op.f("ix_books_owner_created_at_id"), "books", ["owner", "created_at", "id"])
    op.add_column("revisions", sa.Column("bytes", sa.Integer(), nullable=False, server_default="0"))
    on_sqlite = op.get_context().dialect.name == "sqlite"
    size = "length(CAST(text AS BLOB))" if on_sqlite else "octet_length(text)"
    op.execute(f"UPDATE revisions SET bytes = {size}")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("most_books", sa.Integer(), nullable=True),
        sa.Column("most_bytes", sa.BigInteger(), nullable=True),
        sa.Column("most_training_tokens", sa.BigInteger(), nullable=True),
        sa.Column("training_tokens", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])


def downgrade() -> None:
    """Drop what came. It fails where two libraries have the same file, which there could not be."""
    op.drop_table("audit")
    op.drop_table("api_keys")
    op.drop_column("revisions", "bytes")
    op.drop_index(op.f("ix_books_owner_created_at_id"), "books")
    op.execute("UPDATE books SET content_key = sha256")
    op.drop_column("books", "sha256")
    op.execute("ALTER TABLE books RENAME COLUMN content_key TO sha256")
    op.drop_column("books", "owner")

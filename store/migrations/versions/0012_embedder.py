"""The embedder by which all passages of a book have a vector."""

import sqlalchemy as sa
from alembic import op

revision = "0012_embedder"
down_revision = "0011_warnings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. A book whose passages all have a vector gets the name of its embedder."""
    op.add_column("books", sa.Column("embedder", sa.String(length=255), nullable=True))
    counted = sa.text(
        "SELECT passages.book_id, embeddings.embedder, count(*) FROM embeddings "
        "JOIN passages ON passages.id = embeddings.passage_id "
        "GROUP BY passages.book_id, embeddings.embedder"
    )
    named = sa.text("UPDATE books SET embedder = :embedder WHERE id = :id AND passage_count = :count")
    for book_id, embedder, count in op.get_bind().execute(counted).all():
        op.get_bind().execute(named, {"id": book_id, "embedder": embedder, "count": count})


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("books", "embedder")

"""Questions as rows, which people can change; those of the studies that there are become such rows."""

import hashlib
import json
import re
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and fill it from the studies of each book's newest revision."""
    questions = op.create_table(
        "questions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("passage", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("written_key", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_questions_book_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "revision"],
            ["revisions.book_id", "revisions.number"],
            name=op.f("fk_questions_book_id_revision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    op.create_index(
        op.f("ix_questions_book_id_revision_passage_id"),
        "questions",
        ["book_id", "revision", "passage", "id"],
    )
    op.create_index(
        op.f("ix_questions_book_id_revision_key"),
        "questions",
        ["book_id", "revision", "key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    rows = list(_rows(op.get_bind()).values())
    if rows:
        op.bulk_insert(questions, rows)


def _rows(connection: sa.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows to insert, by book and key: of two studies with one question, the older has it.

    A study is of the revision that its versions learned; without versions it is known where the book has had
    one text alone. What is not known comes when the book is learned by these settings again.
    """
    metadata = sa.MetaData()
    metadata.reflect(connection, only=["studies", "artifacts", "versions", "books"])
    studies, artifacts, versions, books = (
        metadata.tables[name] for name in ("studies", "artifacts", "versions", "books")
    )
    learned = sa.select(versions.c.revision).where(versions.c.study_id == studies.c.id)
    found = connection.execute(
        sa.select(studies.c.book_id, studies.c.created_at, books.c.revision, artifacts.c.data)
        .join(books, books.c.id == studies.c.book_id)
        .join(artifacts, artifacts.c.sha256 == studies.c.artifact_sha256)
        .where(
            sa.or_(
                books.c.revision == 1,
                sa.exists(learned.where(versions.c.revision == books.c.revision)),
            )
        )
        .order_by(studies.c.created_at, studies.c.id)
    ).all()
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for book_id, created_at, number, data in found:
        places = _places(connection, book_id)
        for item in _items(data):
            key = hashlib.sha256(
                " ".join(re.findall(r"\w+", item["question"].casefold())).encode()
            ).hexdigest()
            if (book_id, key) in rows or not 0 <= item["passage"] < len(places):
                continue
            ordinal, start, end = places[item["passage"]]
            rows[book_id, key] = {
                "id": f"question_{secrets.token_hex(8)}",
                "book_id": book_id,
                "revision": number,
                "passage": ordinal,
                "start": start,
                "end": end,
                "kind": item["kind"],
                "text": item["question"],
                "answer": item["answer"],
                "source": "llm",
                "key": key,
                "written_key": key,
                "created_at": created_at,
                "changed_at": None,
                "removed_at": None,
            }
    return rows


def _items(data: bytes) -> list[dict[str, Any]]:
    """The questions of a study that have all that a row needs; none where its bytes are damaged."""
    try:
        items = json.loads(data)
    except ValueError:
        return []
    wanted = {"passage": int, "kind": str, "question": str, "answer": str}
    return [
        item
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and all(isinstance(item.get(name), kind) for name, kind in wanted.items())
    ]


def _places(connection: sa.Connection, book_id: str) -> list[tuple[int, int, int]]:
    """Ordinal, start and end of the passages that are learned of a book, as a study counts them."""
    inner = connection.scalar(
        sa.text("SELECT count(*) FROM chapters WHERE book_id = :book AND matter = 'body'"), {"book": book_id}
    )
    learned = " AND chapters.matter = 'body'" if inner else ""
    found = connection.execute(
        sa.text(
            'SELECT passages.ordinal, passages.start, passages."end" FROM passages '
            "JOIN chapters ON chapters.book_id = passages.book_id "
            "AND chapters.ordinal = passages.chapter_ordinal "
            f"WHERE passages.book_id = :book{learned} ORDER BY passages.ordinal"
        ),
        {"book": book_id},
    )
    return [(row[0], row[1], row[2]) for row in found]


def downgrade() -> None:
    """Drop it: the studies stay, which have what was learned."""
    op.drop_table("questions")

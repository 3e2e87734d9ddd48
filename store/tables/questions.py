"""The table of questions."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, book_key, new_id, utcnow

Source = Literal["llm", "person"]


class Question(Base):
    """A question about a passage of a book's `revision`, and its answer, as they stand.

    `source` is `person` where a person wrote or corrected it. `passage` is the ordinal of the passage, which
    is `text[start:end]` of that revision. `key` is the caller's hash of the question: two with one key are
    the same. `written_key` is that of the question as the LLM wrote it. What a person removed keeps its row,
    so that it is known not to be learned again.
    """

    __tablename__ = "questions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["book_id", "revision"], ["revisions.book_id", "revisions.number"], ondelete="CASCADE"
        ),
        Index(None, "book_id", "revision", "passage", "id"),
        Index(
            None,
            "book_id",
            "revision",
            "key",
            unique=True,
            sqlite_where=sql("removed_at IS NULL"),
            postgresql_where=sql("removed_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("question"))
    book_id: Mapped[str] = book_key()
    revision: Mapped[int]
    passage: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    kind: Mapped[str | None] = mapped_column(String(32))
    text: Mapped[str]
    answer: Mapped[str]
    source: Mapped[Source] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(String(64))
    written_key: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    changed_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

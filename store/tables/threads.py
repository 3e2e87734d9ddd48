"""The tables of threads and of the turns in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, new_id, utcnow


class Thread(Base):
    """Questions of one `owner` that follow one another.

    Without a `title` it is None: the first question names the thread. `words` are those of the title, as
    `store.threads` searches for them.
    """

    __tablename__ = "threads"
    __table_args__ = (Index(None, "owner", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("thread"))
    owner: Mapped[str] = mapped_column(String(64))
    title: Mapped[str | None]
    words: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Turn(Base):
    """A question of a thread and the caller's `answer`, numbered 1, 2, 3 within the thread.

    `books` are those that were asked, as `id`, `id@alias` or `id@number`. They are no keys: a turn outlives
    the books that it quotes. `bytes` are those of the answer as JSON, `words` those of question and answer.
    """

    __tablename__ = "turns"

    thread_id: Mapped[str] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    question: Mapped[str]
    answer: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    books: Mapped[list[str]]
    bytes: Mapped[int]
    words: Mapped[str] = mapped_column(deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

"""The table of studies."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, book_key, new_id, utcnow


class Study(Base):
    """Questions and answers that a version of a book learned from, or that a frozen LLM wrote for one to.

    `items` is their number in the artifact. `key` is the caller's hash of everything that the study depends
    on.
    """

    __tablename__ = "studies"
    __table_args__ = (UniqueConstraint("book_id", "key"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("study"))
    book_id: Mapped[str] = book_key()
    key: Mapped[str] = mapped_column(String(64))
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    skill_id: Mapped[str | None] = mapped_column(ForeignKey("skills.id"))
    settings: Mapped[dict[str, Any]]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    items: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

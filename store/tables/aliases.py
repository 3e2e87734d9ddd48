"""The tables of aliases and of their moves."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, book_key, utcnow


class Alias(Base):
    """A movable name on a version.

    The version's id and the moment it was published never change; they are copied here because lists of
    versions are sorted by them.
    """

    __tablename__ = "aliases"
    __table_args__ = (
        ForeignKeyConstraint(
            ["book_id", "number"], ["versions.book_id", "versions.number"], ondelete="CASCADE"
        ),
        Index(None, "book_id", "number"),
        Index(None, "name", "published_at", "version_id"),
    )

    book_id: Mapped[str] = book_key(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]
    version_id: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime]


class AliasMove(Base):
    """One move of an alias. `from_number` is None for a new alias, `to_number` for a removed one.

    A `rollback` undoes the moves before it; see `store.aliases.rollback`.
    """

    __tablename__ = "alias_moves"
    __table_args__ = (
        Index(None, "book_id", "id"),
        Index(None, "book_id", "alias", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[str] = book_key()
    alias: Mapped[str] = mapped_column(String(32))
    from_number: Mapped[int | None]
    to_number: Mapped[int | None]
    rollback: Mapped[bool] = mapped_column(default=False)
    who: Mapped[str]
    why: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

"""The tables of a book and its text: revisions, tags, chapters, pages, passages, embeddings."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.segmentation import Matter
from store.tables.aliases import Alias
from store.tables.base import Base, book_key, new_id, utcnow


class Book(Base):
    """A book in its newest `revision`. `sha256` is the hash of the bytes of that revision's file.

    `warnings` are that revision's. `owner` names the library it is in, and `content_key` is the hash of owner
    and `sha256`: no library has a file twice. `embedder` is the one by which every passage has a vector; None
    until all have.
    """

    __tablename__ = "books"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "owner", "created_at", "id"),
        # SQLite cannot rename it: it once was the constraint of sha256.
        UniqueConstraint("content_key", name="uq_books_sha256"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("book"))
    title: Mapped[str]
    author: Mapped[str | None]
    language: Mapped[str | None]
    filename: Mapped[str | None]
    format: Mapped[str] = mapped_column(String(16))
    characters: Mapped[int]
    owner: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    content_key: Mapped[str] = mapped_column(String(64))
    passage_count: Mapped[int]
    warnings: Mapped[list[str]]
    embedder: Mapped[str | None] = mapped_column(String(255))
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    chapters: Mapped[list["Chapter"]] = relationship(order_by="Chapter.ordinal", lazy="selectin")
    tag_rows: Mapped[list["BookTag"]] = relationship(lazy="selectin")
    alias_rows: Mapped[list[Alias]] = relationship(order_by="Alias.name", lazy="selectin", viewonly=True)

    @property
    def aliases(self) -> dict[str, int]:
        """The book's aliases and the version number each is on, by name."""
        return {alias.name: alias.number for alias in self.alias_rows}

    @property
    def tags(self) -> list[str]:
        """The book's tags, sorted."""
        return sorted(row.tag for row in self.tag_rows)


class Revision(Base):
    """A text that a book has or had, numbered 1, 2, 3 within the book.

    Chapters, pages and passages are kept of the newest one alone. `bytes` are those of the text in UTF-8.
    `warnings` say in sentences what of the file is not in the text.
    """

    __tablename__ = "revisions"

    book_id: Mapped[str] = book_key(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str | None]
    format: Mapped[str] = mapped_column(String(16))
    characters: Mapped[int]
    bytes: Mapped[int]
    text: Mapped[str] = mapped_column(deferred=True)
    warnings: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class BookTag(Base):
    """A tag on a book, as `tags.normalize_tags` returns it."""

    __tablename__ = "book_tags"

    book_id: Mapped[str] = book_key(primary_key=True)
    tag: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)


class Chapter(Base):
    """`text[start:end]` of a book, in characters, without the heading line.

    `matter` says whether it is the book itself or what stands before or behind it; `anchor` is its place in
    the book's file.
    """

    __tablename__ = "chapters"

    book_id: Mapped[str] = book_key(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    matter: Mapped[Matter] = mapped_column(String(8), default="body")
    anchor: Mapped[str | None]


class Page(Base):
    """A printed page of a book: its label, and where it begins in the text."""

    __tablename__ = "pages"

    book_id: Mapped[str] = book_key(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    start: Mapped[int]


class Passage(Base):
    """The unit that is embedded, found and cited: `text[start:end]`, within one chapter."""

    __tablename__ = "passages"
    # AUTOINCREMENT gives no id twice; otherwise the index could not tell an old passage from a new one.
    __table_args__ = (
        UniqueConstraint("book_id", "ordinal"),
        ForeignKeyConstraint(
            ["book_id", "chapter_ordinal"], ["chapters.book_id", "chapters.ordinal"], ondelete="CASCADE"
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[str] = book_key()
    chapter_ordinal: Mapped[int]
    ordinal: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    text: Mapped[str]


class Embedding(Base):
    """A passage's vector by one embedder: little-endian float32 bytes."""

    __tablename__ = "embeddings"

    passage_id: Mapped[int] = mapped_column(ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True)
    embedder: Mapped[str] = mapped_column(String(255), primary_key=True)
    vector: Mapped[bytes]

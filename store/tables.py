"""Every table, as SQLAlchemy classes. The same definitions run on SQLite and PostgreSQL."""

import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from store.segmentation import Matter

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
EventType = Literal["message", "metrics"]
Level = Literal["info", "warning", "error"]
SkillMethod = Literal["prompt", "prefix"]
VersionState = Literal["live", "damaged", "pruned"]


def utcnow() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Return `prefix`, an underscore and 16 random hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(8)}"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always aware and in UTC, also where the database keeps no time zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into UTC; a naive one is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A time without a time zone cannot be stored: {value!r}.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's naive moments back the zone they were stored in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can find it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain class attribute
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        str: Text,
        bytes: LargeBinary,
    }


def _of_book() -> Any:
    return mapped_column(ForeignKey("books.id", ondelete="CASCADE"))


class Book(Base):
    """A book a user gave us, in its newest `revision`; `sha256` is of that file's bytes and unique."""

    __tablename__ = "books"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("book"))
    title: Mapped[str]
    author: Mapped[str | None]
    language: Mapped[str | None]
    filename: Mapped[str | None]
    format: Mapped[str] = mapped_column(String(16))
    characters: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    passage_count: Mapped[int]
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    chapters: Mapped[list["Chapter"]] = relationship(order_by="Chapter.ordinal", lazy="selectin")
    tag_rows: Mapped[list["BookTag"]] = relationship(lazy="selectin")
    alias_rows: Mapped[list["Alias"]] = relationship(order_by="Alias.name", lazy="selectin", viewonly=True)

    @property
    def aliases(self) -> dict[str, int]:
        """The book's aliases and the version number each is on, by name."""
        return {alias.name: alias.number for alias in self.alias_rows}

    @property
    def tags(self) -> list[str]:
        """The book's tags, sorted."""
        return sorted(row.tag for row in self.tag_rows)


class Revision(Base):
    """A text that a book has or had, numbered 1, 2, 3 within it; chapters and passages are of the newest."""

    __tablename__ = "revisions"

    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str | None]
    format: Mapped[str] = mapped_column(String(16))
    characters: Mapped[int]
    text: Mapped[str] = mapped_column(deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class BookTag(Base):
    """A tag on a book, as `scope.cleaned` leaves it."""

    __tablename__ = "book_tags"

    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)


class Chapter(Base):
    """`text[start:end]` of a book, in characters, without the heading line.

    `matter` tells the book itself from what stands before and behind it; `anchor` is a place in its file.
    """

    __tablename__ = "chapters"

    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    matter: Mapped[Matter] = mapped_column(String(8), default="body")
    anchor: Mapped[str | None]


class Page(Base):
    """A printed page of a book: its label, and where in the text it begins."""

    __tablename__ = "pages"

    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    start: Mapped[int]


class Passage(Base):
    """What is embedded, found and cited: `text[start:end]` of one chapter."""

    __tablename__ = "passages"
    # An id is never given twice, or the index could not tell an old passage from a new one.
    __table_args__ = (
        UniqueConstraint("book_id", "ordinal"),
        ForeignKeyConstraint(
            ["book_id", "chapter_ordinal"], ["chapters.book_id", "chapters.ordinal"], ondelete="CASCADE"
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[str] = _of_book()
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


class Artifact(Base):
    """Bytes under their own SHA-256; once they are pruned, what is left is their hash and their size."""

    __tablename__ = "artifacts"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(deferred=True)
    pruned_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Skill(Base):
    """A soft prompt or key-value prefix that teaches one frozen LLM to answer from what it reads.

    It was learned once on questions and answers and on no book of the library. At most one per LLM is the
    `champion`, the one used by default. `bytes` is the size of its artifact.
    """

    __tablename__ = "skills"
    __table_args__ = (
        UniqueConstraint("base_model_id", "base_model_revision", "number"),
        Index(
            None,
            "base_model_id",
            "base_model_revision",
            unique=True,
            sqlite_where=text("champion"),
            postgresql_where=text("champion"),
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("skill"))
    number: Mapped[int]
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    hidden_size: Mapped[int]
    method: Mapped[SkillMethod] = mapped_column(String(16))
    recipe: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    bytes: Mapped[int]
    champion: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Study(Base):
    """Questions and answers a frozen LLM wrote about a book; `items` says how many its artifact holds.

    `key` is the caller's hash of all that determines the study.
    """

    __tablename__ = "studies"
    __table_args__ = (UniqueConstraint("book_id", "key"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("study"))
    book_id: Mapped[str] = _of_book()
    key: Mapped[str] = mapped_column(String(64))
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    skill_id: Mapped[str | None] = mapped_column(ForeignKey("skills.id"))
    settings: Mapped[dict[str, Any]]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    items: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Version(Base):
    """The immutable members one run learned for a book, and the frozen LLM they belong to.

    They learned this `revision` of the book, with these `libraries` (version by name), from `data` (SHA-256
    by what it is of). `gate` is how they did beside the champion of that day, None where there was none to
    beat. A pruned version keeps its line, and has no soft prompts any more. The `state` is `pruned`,
    `damaged` where a member is, or `live`.
    """

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("book_id", "number"),
        ForeignKeyConstraint(["book_id", "parent_number"], ["versions.book_id", "versions.number"]),
        Index(None, "book_id", "parent_number"),
        # One for each way to list versions, newest first.
        Index(None, "created_at", "id"),
        Index(None, "book_id", "created_at", "id"),
        Index(None, "base_model_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "base_model_id", "state", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("version"))
    book_id: Mapped[str] = _of_book()
    number: Mapped[int]
    recipe: Mapped[dict[str, Any]]
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    hidden_size: Mapped[int]
    quantization: Mapped[str]
    dtype: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(default=1)
    libraries: Mapped[dict[str, Any]] = mapped_column(default=dict)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    gate: Mapped[dict[str, Any] | None]
    state: Mapped[VersionState] = mapped_column(String(8), default="live")
    pruned_at: Mapped[datetime | None]
    parent_number: Mapped[int | None]
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    skill_id: Mapped[str | None] = mapped_column(ForeignKey("skills.id"))
    study_id: Mapped[str | None] = mapped_column(ForeignKey("studies.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    members: Mapped[list["Member"]] = relationship(order_by="Member.ordinal", lazy="selectin")
    alias_rows: Mapped[list["Alias"]] = relationship(order_by="Alias.name", lazy="selectin", viewonly=True)

    @property
    def aliases(self) -> list[str]:
        """The names on this version, sorted."""
        return [alias.name for alias in self.alias_rows]


class Member(Base):
    """One soft prompt of a version; `bytes` is the size of its artifact.

    `damaged_at` is when it was first found that the artifact is not what was published.
    """

    __tablename__ = "members"

    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    # Taken out by the database, so that a list need not read the curves beside them.
    loss_before: Mapped[float | None] = column_property(metrics["loss_before"].as_float())
    loss_after: Mapped[float | None] = column_property(metrics["loss_after"].as_float())
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    bytes: Mapped[int]
    damaged_at: Mapped[datetime | None]


class Alias(Base):
    """A movable name on a version.

    The version's id and the moment of its publishing, which never change, are here too: lists are in their
    order.
    """

    __tablename__ = "aliases"
    __table_args__ = (
        ForeignKeyConstraint(
            ["book_id", "number"], ["versions.book_id", "versions.number"], ondelete="CASCADE"
        ),
        Index(None, "book_id", "number"),
        Index(None, "name", "published_at", "version_id"),
    )

    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]
    version_id: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime]


class AliasMove(Base):
    """One move of an alias: no `from_number` when it was new, no `to_number` when it was removed.

    A `rollback` undoes moves before it; see `aliases.rollback`.
    """

    __tablename__ = "alias_moves"
    __table_args__ = (
        Index(None, "book_id", "id"),
        Index(None, "book_id", "alias", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    alias: Mapped[str] = mapped_column(String(32))
    from_number: Mapped[int | None]
    to_number: Mapped[int | None]
    rollback: Mapped[bool] = mapped_column(default=False)
    who: Mapped[str]
    why: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Job(Base):
    """Work on a book. A running job is leased to `worker` until `lease_until` under the fencing `token`.

    What it learns becomes the champion if it is not worse than the one there is, with `force` in any case.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "status", "created_at", "id"), Index(None, "book_id", "created_at"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("job"))
    kind: Mapped[str]
    book_id: Mapped[str] = _of_book()
    recipe: Mapped[dict[str, Any]]
    parent_number: Mapped[int | None]
    force: Mapped[bool] = mapped_column(default=False)
    status: Mapped[JobStatus] = mapped_column(String(16), default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    version_number: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    progress: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """One line of a job's history; ids grow, so a reader can go on from the last one seen."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[EventType] = mapped_column(String(16))
    level: Mapped[Level] = mapped_column(String(16))
    message: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

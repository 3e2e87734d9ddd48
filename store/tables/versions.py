"""The tables of versions and their members."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from store.tables.aliases import Alias
from store.tables.base import Base, book_key, new_id, utcnow

VersionState = Literal["live", "damaged", "pruned"]


class Version(Base):
    """The immutable members that one run learned for a book, and the frozen LLM they belong to.

    `revision` is the revision of the book that they learned, `libraries` the version of each library by name,
    `data` the SHA-256 of each data file by name. `gate` compares them with the champion of that day; it is
    None when there was no champion. A pruned version keeps its row and loses its soft prompts. `state` is
    `pruned`, `damaged` when at least one member is damaged, or else `live`.
    """

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("book_id", "number"),
        ForeignKeyConstraint(["book_id", "parent_number"], ["versions.book_id", "versions.number"]),
        Index(None, "book_id", "parent_number"),
        # One index for each way to list versions, newest first.
        Index(None, "created_at", "id"),
        Index(None, "book_id", "created_at", "id"),
        Index(None, "base_model_id", "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "base_model_id", "state", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("version"))
    book_id: Mapped[str] = book_key()
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
    alias_rows: Mapped[list[Alias]] = relationship(order_by="Alias.name", lazy="selectin", viewonly=True)

    @property
    def aliases(self) -> list[str]:
        """The aliases on this version, sorted."""
        return [alias.name for alias in self.alias_rows]


class Member(Base):
    """One soft prompt of a version; `bytes` is the size of its artifact.

    `damaged_at` is when the artifact was first found to differ from what was published.
    """

    __tablename__ = "members"

    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    # The database reads these two out of the JSON, so that a list does not load the loss curves in it.
    loss_before: Mapped[float | None] = column_property(metrics["loss_before"].as_float())
    loss_after: Mapped[float | None] = column_property(metrics["loss_after"].as_float())
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    bytes: Mapped[int]
    damaged_at: Mapped[datetime | None]

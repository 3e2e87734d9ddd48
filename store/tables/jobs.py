"""The tables of jobs, their attempts, checkpoints and events, and of the workers that take them."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.tables.base import Base, book_key, new_id, utcnow

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Outcome = Literal["succeeded", "failed", "cancelled", "given-back", "vanished"]
EventType = Literal["message", "metrics"]
Level = Literal["info", "warning", "error"]


class Job(Base):
    """Work on a book. A running job is leased to `worker` until `lease_until` under the fencing `token`.

    The version it learns becomes the champion if it is no worse than the present one, or if `force` is set.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "status", "created_at", "id"), Index(None, "book_id", "created_at"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("job"))
    kind: Mapped[str]
    book_id: Mapped[str] = book_key()
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
    history: Mapped[list["Attempt"]] = relationship(
        order_by="Attempt.token", lazy="selectin", passive_deletes=True
    )


class Attempt(Base):
    """One lease of a job: who had it, and how it ended. Both are None while it goes on.

    `step` is how far the job had got when the attempt ended, in steps of training.
    """

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    token: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str]
    step: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[Outcome | None] = mapped_column(String(16))
    reason: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]


class Checkpoint(Base):
    """How far a running job has got, for its next attempt, as bytes in an artifact.

    `key` is the caller's hash of everything that the work depends on.
    """

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    step: Mapped[int]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Worker(Base):
    """A worker that takes jobs, and when it was last heard of by the database's clock."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]


class JobEvent(Base):
    """One event of a job's history. Ids ascend: a reader can go on after the last one it has seen."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[EventType] = mapped_column(String(16))
    level: Mapped[Level] = mapped_column(String(16))
    message: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

"""A book that is being added: where it stands, from its file to the end of its job."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.schemas import Book, Job

State = Literal["waiting", "uploading", "queued", "learning", "ready", "known", "failed", "gone", "removed"]
# Nothing more happens to a book in one of these.
DONE: frozenset[State] = frozenset({"ready", "known", "failed", "gone", "removed"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A file and the state of its book; `number` is its place in the order, `name` what it is shown as.

    `book`, `title`, `sha256` and `job` are known once the service has the book. `reason` says why it waits
    or failed, or what a known book is; `warnings` say what of the file is not in the text. `share` is how
    much of the learning is done, from 0 to 1. A `known` book was there already, a `revised` one with another
    text. A waiting book may be sent again after `retry_after` seconds, where the service said so.
    """

    number: int
    path: Path
    name: str
    state: State = "waiting"
    book: str | None = None
    title: str | None = None
    sha256: str | None = None
    job: str | None = None
    reason: str = ""
    share: float = 0.0
    warnings: tuple[str, ...] = ()
    known: bool = False
    revised: bool = False
    retry_after: float | None = None

    def failed(self, reason: str) -> "Entry":
        """Return it as one that failed."""
        return replace(self, state="failed", reason=reason, retry_after=None)

    def waits(self, reason: str, seconds: float | None) -> "Entry":
        """Return it as one to send again, after so many seconds where the service said so."""
        return replace(self, state="waiting", reason=reason, retry_after=seconds)

    def of_book(self, book: Book) -> "Entry":
        """Return it with the book that the service has of its file."""
        return replace(
            self,
            book=book.id,
            title=book.title,
            sha256=book.sha256,
            job=book.job,
            warnings=tuple(book.warnings),
            reason="",
            retry_after=None,
        )

    def of_job(self, job: Job) -> "Entry":
        """Return it in the state of the job that learns it."""
        if job.status == "failed":
            return self.failed(job.error.message if job.error else "Learning it failed.")
        if job.status == "cancelled":
            return self.failed("Learning it was cancelled.")
        if job.status == "succeeded":
            return replace(self, state="ready", job=job.id, reason="", share=1.0)
        if job.status == "queued":
            return replace(self, state="queued", job=job.id, reason=job.detail or "")
        step = job.progress
        share = step.step / step.steps if step is not None and step.steps else 0.0
        return replace(self, state="learning", job=job.id, reason="", share=share)

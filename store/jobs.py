"""Jobs: queued, leased to a worker under a fencing token, and ended exactly once.

Of each attempt is kept who made it and how it ended; what it got done is in `store.checkpoints`, what
happened in it in `store.job_events`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import attempts, checkpoints, clock, job_events, workers
from store.errors import NotFoundError, StaleTokenError
from store.pagination import newest_first
from store.tables import Attempt, Book, Job, JobStatus, Level, Version, utcnow

MAX_ATTEMPTS = 3


def enqueue(
    session: Session,
    *,
    kind: str = "train",
    book_id: str,
    recipe: Mapping[str, Any],
    parent: int | None = None,
    force: bool = False,
) -> Job:
    """Add a job to the end of the queue. NotFoundError: no such book, or no version `parent` of it.

    The version it learns becomes the champion if it is no worse than the present one, or if `force` is set.
    """
    if session.get(Book, book_id) is None:
        raise NotFoundError("book", book_id)
    if parent is not None:
        known = select(Version.id).where(Version.book_id == book_id, Version.number == parent)
        if session.scalar(known) is None:
            raise NotFoundError("version", f"{book_id}@{parent}")
    job = Job(kind=kind, book_id=book_id, recipe=dict(recipe), parent_number=parent, force=force, history=[])
    session.add(job)
    session.flush()
    _add_message(session, job, "queued", "Waits for its turn.")
    return job


def get(session: Session, job_id: str, owner: str | None = None) -> Job:
    """Return the job. NotFoundError: there is none, perhaps because its book was deleted or, where an `owner`
    is given, is another's.
    """
    job = session.get(Job, job_id)
    if job is None or (owner is not None and session.get_one(Book, job.book_id).owner != owner):
        raise NotFoundError("job", job_id)
    return job


def list_jobs(
    session: Session,
    *,
    book_id: str | None = None,
    statuses: Sequence[JobStatus] | None = None,
    owner: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Job], bool]:
    """Return up to `limit` jobs older than the job `after`, newest first, and whether more follow.

    Only jobs of the book, with any of the `statuses`, and of books of the `owner`, where these are given.
    NotFoundError: there is no job `after` or, where an `owner` is given, its book is another's.
    """
    query = select(Job)
    if book_id is not None:
        query = query.where(Job.book_id == book_id)
    if statuses is not None:
        query = query.where(Job.status.in_(statuses))
    if owner is not None:
        query = query.where(Job.book_id.in_(select(Book.id).where(Book.owner == owner)))
    cursor = None if after is None else get(session, after, owner)
    return newest_first(session, query, Job, cursor, limit)


def latest(session: Session, book_ids: Sequence[str]) -> dict[str, Job]:
    """Return the newest job of each of these books that has one, by book id."""
    query = select(Job).where(Job.book_id.in_(book_ids)).order_by(Job.created_at, Job.id)
    return {job.book_id: job for job in session.scalars(query)}


def count(session: Session, status: JobStatus) -> int:
    """Return how many jobs have this status."""
    return session.scalar(select(func.count()).select_from(Job).where(Job.status == status)) or 0


def lease(
    session: Session, worker: str, seconds: float, has_ended: Callable[[str], bool] = lambda _: False
) -> Job | None:
    """Lease the oldest job that is free to `worker`, for `seconds` by the database's clock.

    A job is free while it waits, once its lease has ended, and where its worker `has_ended` for certain. A
    lease that ends later than one begun now was written before the clock was set back, and has ended, too.
    Each lease counts as an attempt, unless the job got further in it than ever before, and has a new `token`,
    which every later call must pass. A job whose worker vanished in its third attempt fails with
    `too-many-attempts`, and one that somebody asked to cancel is cancelled; neither is leased. Return None if
    there is nothing to do.
    """
    workers.heard_of(session, worker)
    now, length = clock.now(session), timedelta(seconds=seconds)
    while (job := attempts.first_free(session, now, length, has_ended)) is not None:
        if job.status == "running":
            attempts.vanished(job)
            workers.gone(session, job.worker or "")
        if job.cancel_requested:
            _end(session, job, "cancelled", "Cancelled.")
        elif job.attempts >= MAX_ATTEMPTS:
            job.error_code = "too-many-attempts"
            job.error_message = (
                f"{MAX_ATTEMPTS} attempts ended without a word, and the job got no further by them: "
                "its worker was killed, perhaps for want of memory."
            )
            _end(session, job, "failed", job.error_message)
        else:
            job.status = "running"
            job.attempts += 1
            job.token += 1
            job.worker = worker
            job.lease_until = now + length
            job.started_at = job.started_at or utcnow()
            job.history.append(Attempt(token=job.token, worker=worker))
            begins = "Begins." if job.attempts == 1 else f"Attempt {job.attempts} of {MAX_ATTEMPTS}."
            _add_message(session, job, "running", begins, attempt=job.attempts)
            return job
    return None


def any_free(session: Session, seconds: float, has_ended: Callable[[str], bool] = lambda _: False) -> bool:
    """Whether `lease` would have something to do; this only reads."""
    return attempts.first_free(session, clock.now(session), timedelta(seconds=seconds), has_ended) is not None


def heartbeat(session: Session, job_id: str, token: int, seconds: float) -> bool:
    """Extend the lease to `seconds` from now, and return whether somebody asked to cancel the job.

    StaleTokenError: the job is no longer held under `token`. NotFoundError: the job is gone with its book.
    """
    job = _get_held(session, job_id, token)
    assert job.worker is not None
    workers.heard_of(session, job.worker)
    job.lease_until = clock.now(session) + timedelta(seconds=seconds)
    session.flush()
    return job.cancel_requested


def set_progress(session: Session, job_id: str, token: int, progress: Mapping[str, Any]) -> None:
    """Replace the job's progress. StaleTokenError and NotFoundError as in `heartbeat`."""
    _get_held(session, job_id, token).progress = dict(progress)
    session.flush()


def set_phase(session: Session, job_id: str, token: int, phase: Mapping[str, Any] | None) -> None:
    """Say in the job's progress what goes on before its next step; None where it is over.

    Errors as in `heartbeat`.
    """
    job = _get_held(session, job_id, token)
    job.progress = {**(job.progress or {}), "phase": None if phase is None else dict(phase)}
    session.flush()


def finish(
    session: Session,
    job_id: str,
    token: int,
    *,
    status: Literal["succeeded", "failed", "cancelled"],
    version_number: int | None = None,
    error_code: str | None = None,
    error_message: str | None = None,
) -> Job:
    """End a running job. StaleTokenError and NotFoundError as in `heartbeat`."""
    job = _get_held(session, job_id, token)
    job.version_number = version_number
    job.error_code = error_code
    job.error_message = error_message
    message = error_message or {"succeeded": "Done.", "failed": "Failed.", "cancelled": "Cancelled."}[status]
    _end(session, job, status, message)
    return job


def release(session: Session, job_id: str, token: int) -> Job:
    """Give a running job back to the queue, in its old place, without counting the attempt.

    If somebody asked to cancel it, it is cancelled instead. StaleTokenError and NotFoundError as in
    `heartbeat`.
    """
    job = _get_held(session, job_id, token)
    if job.cancel_requested:
        _end(session, job, "cancelled", "Cancelled.")
        return job
    attempts.close(job, "given-back", "The worker stopped, and gave the job back.")
    job.status = "queued"
    job.attempts -= 1
    job.worker = job.lease_until = None
    _add_message(session, job, "queued", "Given back by its worker; waiting for another.")
    return job


def cancel(session: Session, job_id: str) -> Job:
    """Cancel a queued job now, ask a running one to stop, leave an ended one as it is.

    NotFoundError: there is no such job.
    """
    job = _lock_job(session, job_id)
    if job.status == "queued":
        job.cancel_requested = True
        _end(session, job, "cancelled", "Cancelled before it started.")
    elif job.status == "running":
        job.cancel_requested = True
        session.flush()
    return job


def _lock_job(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise NotFoundError("job", job_id)
    return job


def _get_held(session: Session, job_id: str, token: int) -> Job:
    job = _lock_job(session, job_id)
    if job.status != "running" or job.token != token:
        raise StaleTokenError(job_id, token)
    return job


def _end(
    session: Session,
    job: Job,
    status: Literal["succeeded", "failed", "cancelled"],
    message: str,
) -> None:
    attempts.close(job, status, message)
    checkpoints.remove(session, job.id)
    job.status = status
    job.worker = job.lease_until = None
    job.finished_at = utcnow()
    details = {"version": job.version_number, "code": job.error_code}
    known = {name: value for name, value in details.items() if value is not None}
    _add_message(session, job, status, message, level="error" if status == "failed" else "info", **known)


def _add_message(
    session: Session, job: Job, kind: JobStatus, message: str, level: Level = "info", **data: str | int
) -> None:
    job_events.add(session, job.id, level=level, type="message", message=message, data={"kind": kind, **data})

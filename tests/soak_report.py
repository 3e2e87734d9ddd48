"""What the database says after a soak of kills, against what the callers were told."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from store.database import Database
from store.tables import Book, Embedding, Job, JobEvent, Version
from store.verify import verify


@dataclass
class Told:
    """What callers sent and were told."""

    # The id of each book whose upload was answered, and its title.
    books: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    # Asks that a service which was up all the time did not answer.
    failed_while_up: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kill:
    """One process that was ended, by SIGTERM or by kill -9, and when."""

    which: str
    softly: bool
    at: datetime

    def __str__(self) -> str:
        return f"{self.which} by {'SIGTERM' if self.softly else 'kill -9'}"


def steps_of(events: Sequence[JobEvent]) -> tuple[int, int]:
    """How many steps of training were done, each counted once, and how many of them again after a kill."""
    reached: dict[str, int] = {}
    twice = 0
    for event in events:
        if event.type == "metrics" or event.data.get("kind") == "resumed":
            step, before = int(event.data["step"]), reached.get(event.job_id, 0)
            # A step that is done now was not done before; without a checkpoint a training begins anew.
            twice += max(0, before - (step - 1 if event.type == "metrics" else step))
            reached[event.job_id] = step
    return sum(reached.values()), twice


def seconds_to_next_step(events: Sequence[JobEvent], kills: Sequence[Kill]) -> list[float]:
    """From each kill of the worker to the next step of the job that it had, in another attempt.

    Jobs that were killed after their last step have no next one; another kill may come in between.
    """
    seconds = []
    for kill in kills:
        before = [each for each in events if each.created_at < kill.at and each.data.get("kind") == "running"]
        if kill.which != "worker" or not before:
            continue
        job = before[-1].job_id
        again = False
        for event in events:
            if event.job_id != job:
                continue
            kind = event.data.get("kind")
            if kind in ("succeeded", "failed", "cancelled"):
                break
            if event.created_at > kill.at:
                again = again or kind == "running"
                if again and event.type == "metrics":
                    seconds.append((event.created_at - kill.at).total_seconds())
                    break
    return seconds


def quantiles(seconds: Sequence[float]) -> str:
    """The median, the ninth decile and the most of some seconds, in words."""
    if not seconds:
        return "none"
    ninth = sorted(seconds)[int(0.9 * (len(seconds) - 1))]
    return (
        f"{len(seconds)}: median {statistics.median(seconds):.1f}, p90 {ninth:.1f}, most {max(seconds):.1f}"
    )


def report(database: Database, folder: Path, told: Told, kills: Sequence[Kill]) -> None:
    """Print what the database has against what was told."""
    with database.read() as session:
        books = {book.id: book for book in session.scalars(select(Book))}
        jobs = {job.id: job for job in session.scalars(select(Job))}
        versions = list(session.scalars(select(Version)))
        events = list(session.scalars(select(JobEvent).order_by(JobEvent.id)))
        titles = Counter(book.title for book in books.values())
        numbers: dict[str, list[int]] = {}
        for version in versions:
            numbers.setdefault(version.book_id, []).append(version.number)
        of_jobs = Counter(version.job_id for version in versions)
        succeeded = [job for job in jobs.values() if job.status == "succeeded"]
        steps, twice = steps_of(events)
        outcomes = Counter(str(attempt.outcome) for job in jobs.values() for attempt in job.history)
        rows = {
            "kills": f"{len(kills)}: "
            + ", ".join(f"{n} {what}" for what, n in sorted(Counter(map(str, kills)).items())),
            "calls": ", ".join(f"{what} {n}" for what, n in sorted(told.calls.items())),
            "asks failed while the service was up": len(told.failed_while_up),
            "uploads told of, books lost": f"{len(told.books)}, {len(told.books.keys() - books.keys())}",
            "books doubled": sum(count > 1 for count in titles.values()),
            "jobs told of, jobs lost": f"{len(told.jobs)}, {len(told.jobs.keys() - jobs.keys())}",
            "jobs by their end": dict(Counter(job.status for job in jobs.values())),
            "reasons of failures": dict(
                Counter(str(j.error_code) for j in jobs.values() if j.status == "failed")
            ),
            "versions": len(versions),
            "versions lost (jobs that succeeded without one)": sum(not of_jobs[job.id] for job in succeeded),
            "versions doubled (jobs with two)": sum(count > 1 for count in of_jobs.values()),
            "books whose numbers have a gap": sum(
                sorted(each) != list(range(1, len(each) + 1)) for each in numbers.values()
            ),
            "attempts by their end": dict(outcomes),
            "most attempts of a job, and those that counted": (
                f"{max((len(job.history) for job in jobs.values()), default=0)}, "
                f"{max((job.attempts for job in jobs.values()), default=0)}"
            ),
            "training steps, share done twice": f"{steps}, {twice / max(1, steps):.1%}",
            "seconds from a kill of the worker to its job's next step": quantiles(
                seconds_to_next_step(events, kills)
            ),
        }
        embedder = session.scalars(select(Embedding.embedder).limit(1)).one()
    rows["findings of verify"] = [str(each) for each in verify(database, folder / "index", embedder)]
    for name, value in rows.items():
        print(f"{name}: {value}")
    for failed in told.failed_while_up[:5]:
        print(failed)

"""Pruning: versions lose their soft prompts, and keep their rows."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import artifacts, books, versions
from store.errors import VersionInUseError
from store.tables import Alias, Job, Version, utcnow


def prune_versions(session: Session, book_id: str, *, keep: int) -> list[int]:
    """Prune the versions of a book except those in use and the newest `keep`; return the pruned numbers.

    Versions that were pruned before do not count. A version is in use while an alias is on it, or while a
    queued or running job continues training from it. A pruned version loses its artifacts, unless another
    live version, a skill or a study has the same bytes. Its row stays, and its number is never given again.
    NotFoundError: no such book. ValueError: `keep` is negative.
    """
    if keep < 0:
        raise ValueError(f"The last {keep} versions cannot be kept.")
    books.lock(session, book_id)
    used = _users(session, book_id)
    of_book = select(Version).where(Version.book_id == book_id, Version.pruned_at.is_(None))
    older = list(session.scalars(of_book.order_by(Version.number.desc()).offset(keep)))
    chosen = [version for version in reversed(older) if version.number not in used]
    _prune(session, chosen)
    return [version.number for version in chosen]


def prune_version(session: Session, book_id: str, number: int) -> Version:
    """Prune one version and return it. One that was pruned before is returned unchanged.

    NotFoundError: no such book or version. VersionInUseError: an alias is on it, or a job continues from it.
    """
    books.lock(session, book_id)
    version = versions.get(session, book_id, number)
    users = _users(session, book_id).get(number)
    if users:
        raise VersionInUseError(number, users)
    if version.pruned_at is None:
        _prune(session, [version])
    return version


def _prune(session: Session, chosen: Sequence[Version]) -> None:
    now = utcnow()
    for version in chosen:
        version.state, version.pruned_at = "pruned", now
    session.flush()
    artifacts.prune(session, {member.artifact_sha256 for version in chosen for member in version.members})


def _users(session: Session, book_id: str) -> dict[int, list[str]]:
    """The aliases and jobs that use each version of a book, in words, by the version's number."""
    named = select(Alias.number, Alias.name).where(Alias.book_id == book_id).order_by(Alias.name)
    unfinished = Job.status.in_(("queued", "running"))
    continuing = select(Job.parent_number, Job.id).where(Job.book_id == book_id, unfinished)
    users: dict[int, list[str]] = {}
    for number, name in session.execute(named):
        users.setdefault(number, []).append(f"the alias {name}")
    for parent, job in session.execute(continuing):
        if parent is not None:
            users.setdefault(parent, []).append(f"the job {job}, which goes on from it")
    return users

"""What was let go of leaves the bucket, once the transaction that did so is committed."""

import logging
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from store.bucket import Bucket
from store.errors import BucketUnreachableError, StoreError
from store.outside import Transactions, bucket_of, home_of, places
from store.tables import Artifact, Checkpoint, Member, Skill, Study

log = logging.getLogger(__name__)

# How many objects are deleted while the write lock is held once.
_AT_ONCE = 500


def sweep_after_commit(session: Session) -> None:
    """Have the bucket swept once the transaction is committed, where the database has one."""
    if bucket_of(session) is not None:
        session.info["after_commit"].add(sweep)


def sweep(database: Transactions) -> None:
    """Delete from the bucket what was let go of: by the last transaction, or when the bucket was away.

    It is done with the write lock held, so that nobody puts the same bytes meanwhile. What cannot be deleted
    now is left to the next time, which the log says.
    """
    try:
        while (some := _let_go(database)) and database.bucket is not None:
            # A bucket that is away is noticed before anybody waits for the lock.
            database.bucket.size(*some[0])
            with database.write() as session:
                _delete_objects(session, database.bucket)
    except StoreError as error:
        log.warning("not all that was deleted has left the bucket yet: %s", error)


def discard(bucket: Bucket | None, unneeded: Iterable[tuple[str, str]]) -> None:
    """Delete objects, by place and name, that no row names any more and no transaction can name again.

    What cannot be deleted is left, which the log says.
    """
    by_place: dict[str, list[str]] = {}
    for place, sha256 in unneeded:
        by_place.setdefault(place, []).append(sha256)
    for place, hashes in by_place.items():
        home = home_of(place)
        try:
            if bucket is None or place != bucket.place(home):
                raise BucketUnreachableError("it is not the bucket of the settings")
            bucket.delete(home, hashes)
        except StoreError as error:
            log.warning("%d objects that nothing needs are left in %s: %s", len(hashes), place, error)


def forget(session: Session, hashes: Collection[str]) -> None:
    """Forget the places outside of pruned artifacts, and the artifacts that nothing points at."""
    pruned = Artifact.sha256.in_(hashes), Artifact.pruned_at.is_not(None)
    session.execute(delete(Artifact).where(*pruned, ~used()))
    session.execute(update(Artifact).where(*pruned).values(bucket=None))


def used() -> ColumnElement[bool]:
    """Whether a member, skill, study or checkpoint points at an artifact."""
    return or_(*(used_by(table) for table in (Checkpoint, Member, Skill, Study)))


def used_by(table: type[Checkpoint] | type[Member] | type[Skill] | type[Study]) -> ColumnElement[bool]:
    """Whether a row of this table does."""
    return exists().where(table.artifact_sha256 == Artifact.sha256)


def _let_go(database: Transactions) -> list[tuple[str, str]]:
    """The home and name of some objects to delete."""
    if database.bucket is None:
        return []
    with database.read() as session:
        return _to_delete(session, database.bucket)


def _to_delete(session: Session, bucket: Bucket) -> list[tuple[str, str]]:
    ours = [place for place in places(session) if place == bucket.place(home_of(place))]
    query = select(Artifact.bucket, Artifact.sha256).where(
        Artifact.bucket.in_(ours), Artifact.pruned_at.is_not(None)
    )
    rows = session.execute(query.limit(_AT_ONCE))
    return [(home_of(place), sha256) for place, sha256 in rows if place is not None]


def _delete_objects(session: Session, bucket: Bucket) -> None:
    by_home: dict[str, list[str]] = {}
    for home, sha256 in _to_delete(session, bucket):
        by_home.setdefault(home, []).append(sha256)
    for home, hashes in by_home.items():
        bucket.delete(home, hashes)
        forget(session, hashes)

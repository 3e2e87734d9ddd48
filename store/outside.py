"""Which artifacts are outside the database, at which place, and how their bytes get there and back.

A *place* is the URL of a library's home in a bucket. The row of an artifact names it.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256 as hash_of
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.bucket import Bucket
from store.errors import BucketUnreachableError, DamagedArtifactError
from store.tables import Artifact, IndexSnapshot


class Transactions(Protocol):
    """A database, as far as this needs one."""

    @property
    def bucket(self) -> Bucket | None:
        """Where artifacts are outside."""

    def read(self) -> AbstractContextManager[Session]:
        """Open a transaction that reads."""

    def write(self) -> AbstractContextManager[Session]:
        """Open a transaction that may write."""


def bucket_of(session: Session) -> Bucket | None:
    """The bucket of the database that a session is of."""
    bucket: Bucket | None = session.info.get("bucket")
    return bucket


def keep(session: Session, sha256: str, data: bytes) -> tuple[bytes, str | None]:
    """Write bytes into the bucket if they belong there; return what the database keeps of them, and their
    place outside. BucketUnreachableError: the bucket cannot be written.
    """
    bucket = bucket_of(session)
    if bucket is None or len(data) < bucket.least_bytes:
        return data, None
    home = _home(session, bucket) or bucket.home
    sent = (home, sha256) in bucket.sent
    bucket.sent.discard((home, sha256))
    # What was sent ahead may have been deleted since, where another transaction let go of the same bytes.
    if not sent or bucket.size(home, sha256) != len(data):
        bucket.put(home, sha256, data)
    return b"", bucket.place(home)


def read(bucket: Bucket | None, place: str, sha256: str) -> bytes:
    """Return the bytes, as they are, of an artifact that is at the `place` outside that its row names.

    The errors are those of `store.artifacts.get`. A library whose bucket was copied to another place is
    found there.
    """
    if bucket is None:
        raise BucketUnreachableError(
            f"Artifact {sha256[:12]} is in {place}: let BOOKCHORUS_ARTIFACTS name {place.rpartition('/')[0]}."
        )
    data = bucket.get(home_of(place), sha256)
    if data is not None:
        return data
    if place != bucket.place(home_of(place)):
        raise BucketUnreachableError(f"Artifact {sha256[:12]} is in {place}, and is not in {bucket.url}.")
    raise DamagedArtifactError(sha256, gone=True)


def send(database: Transactions, blobs: Iterable[bytes]) -> None:
    """Write into the bucket, where there is one, what the next transaction will `put`, which then holds the
    write lock for no upload. BucketUnreachableError: the bucket cannot be written.
    """
    bucket = database.bucket
    if bucket is None:
        return
    with database.read() as session:
        home = _home(session, bucket)
    if home is None:
        return  # of several who come first the first decides, in its transaction
    for data in blobs:
        named = home, hash_of(data).hexdigest()
        if len(data) >= bucket.least_bytes and named not in bucket.sent:
            bucket.put(*named, data)
            bucket.sent.add(named)


def places(session: Session) -> Iterator[str]:
    """All places outside that rows name, hopped to on the index: there are few, and many rows."""
    last: str | None = ""
    while last is not None:
        last = session.scalar(select(func.min(Artifact.bucket)).where(Artifact.bucket > last))
        if last is not None:
            yield last


def named(session: Session) -> set[tuple[str, str]]:
    """The place and name of every object that rows name: artifacts, and files of index snapshots."""
    query = select(Artifact.bucket, Artifact.sha256).where(Artifact.bucket.is_not(None))
    found = {(place, sha256) for place, sha256 in session.execute(query) if place is not None}
    for row in session.scalars(select(IndexSnapshot)):
        found |= {(row.place, sha256) for sha256 in (row.files or {}).values()}
    return found


def home_of(place: str) -> str:
    """The home in the bucket that a place is of."""
    return place.rpartition("/")[2]


def _home(session: Session, bucket: Bucket) -> str | None:
    """The home of the library in the bucket, which its rows name; None where none does."""
    for place in places(session):
        if place == bucket.place(home := home_of(place)):
            bucket.expect(home)
            bucket.home = home
            return home
    return None

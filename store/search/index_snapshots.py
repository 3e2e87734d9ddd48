"""Index snapshots: the index in a bucket, for machines that share a database and no folder.

One process at a time may write one; its lease is a row of the database. What it has written counts once that
row names it, so that a reader finds a whole one or none. A snapshot may be lost at any time: an index is made
of the database alone then.
"""

import logging
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import clock
from store.bucket import Bucket
from store.database import Database
from store.errors import StoreError
from store.outside import home_of
from store.search.library_index import (
    FINGERPRINT,
    LibraryIndex,
    PassageState,
    UnusableIndexError,
    current_form,
    digest_of,
    read_state,
)
from store.tables import IndexSnapshot

_log = logging.getLogger(__name__)

# One is written, and read, where it spares the indexing of more than this part of the library.
_PART = 1 / 20
# Longer than it takes to write one. After that another process may: the first one has vanished.
_LEASE = timedelta(minutes=10)
# What another release, or another embedder, has published counts as left behind after so long.
_KEPT = timedelta(days=30)


class IndexSnapshots:
    """The snapshots of the index of one embedder.

    There are none where the database has no bucket, or is SQLite: its machine has a folder for the index.
    """

    def __init__(self, database: Database, embedder: str) -> None:
        self._database = database
        self._embedder = embedder
        self._unusable: dict[str, str] | None = None

    def ahead_of(self, index: LibraryIndex | None, folder: Path) -> LibraryIndex | None:
        """Read the snapshot where that spares much of what `index` lacks; None where it does not, or where it
        cannot be read, which the log says. Its files are in `folder` for the while.
        """
        bucket = self._bucket()
        if bucket is None:
            return None
        try:
            with self._database.read() as session:
                found = self._row(session)
            if found is None or found.files is None or found.state is None:
                return None
            if index is not None and not _lacks_much(index.state, PassageState(**found.state)):
                return None
            try:
                return self._fetched(bucket, found, folder)
            except UnusableIndexError as error:
                self._unusable = found.files
                _log.warning("The index in the bucket %s; it is made again.", error)
        except (StoreError, OSError) as error:
            _log.warning("The index in the bucket cannot be read: %s", error)
        return None

    def offer(self, index: LibraryIndex, folder: Path, *, anew: bool = False) -> bool:
        """Publish an index where the snapshot lacks much of it, or `anew` in any case; whether that was done.

        It is not where another process is about to. Its files are in `folder` for the while.
        """
        bucket = self._bucket()
        if bucket is None:
            return False
        writer = secrets.token_hex(8)
        try:
            with self._database.read() as session:
                if not anew and not self._is_due(self._row(session), index):
                    return False
            home = self._leased(bucket, index, writer, anew)
            if home is None:
                return False
            try:
                files = self._send(bucket, home, index, folder)
                return self._published(bucket, home, index, files, writer)
            finally:
                self._release(writer)
        except (StoreError, OSError) as error:
            _log.warning("The index could not be put into the bucket: %s", error)
            return False

    def _bucket(self) -> Bucket | None:
        return self._database.bucket if self._database.file is None else None

    def _row(self, session: Session) -> IndexSnapshot | None:
        return session.get(IndexSnapshot, (self._embedder, current_form()))

    def _fetched(self, bucket: Bucket, found: IndexSnapshot, folder: Path) -> LibraryIndex:
        """The index of a row's files. UnusableIndexError: they are gone, or damaged."""
        assert found.files is not None
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".snapshot-") as new:
            for name, sha256 in found.files.items():
                if not bucket.fetch(home_of(found.place), sha256, Path(new) / name):
                    raise UnusableIndexError("is gone")
            # It has the hashes of the others, which are checked where they are opened.
            if digest_of(Path(new) / FINGERPRINT) != found.files[FINGERPRINT]:
                raise UnusableIndexError("is damaged: its bytes have another SHA-256")
            return LibraryIndex.open(Path(new), self._embedder)

    def _is_due(self, row: IndexSnapshot | None, index: LibraryIndex) -> bool:
        """Whether what a row names lacks much of an index, such as its lists, or was found to be no good."""
        if row is None or row.files is None or row.state is None or row.files == self._unusable:
            return True
        has_lists = set(index.dense.file_names) <= row.files.keys()
        return not has_lists or _lacks_much(PassageState(**row.state), index.state)

    def _leased(self, bucket: Bucket, index: LibraryIndex, writer: str, anew: bool) -> str | None:
        """Take the lease, and return the home to write into; None where another has it, where nothing is due,
        or where the index is not of the database's present state.
        """
        with self._database.write() as session:
            now, row = clock.now(session), self._row(session)
            if row is None:
                row = IndexSnapshot(embedder=self._embedder, form=current_form(), place="")
                session.add(row)
            if not anew and not self._is_due(row, index):
                return None
            # An older index would undo what a newer one has published.
            if read_state(session, self._embedder) != index.state:
                return None
            if row.lease_until is not None and row.lease_until > now:
                return None
            if row.place != bucket.place(home_of(row.place)):
                row.place, row.files, row.state = bucket.place(f"index-{secrets.token_hex(8)}"), None, None
            row.writer, row.lease_until = writer, now + _LEASE
            return home_of(row.place)

    def _send(self, bucket: Bucket, home: str, index: LibraryIndex, folder: Path) -> dict[str, str]:
        """Write the index's files into the bucket; the SHA-256 of each by its name."""
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".snapshot-") as new:
            files = index.save(Path(new), self._embedder)
            for name, sha256 in files.items():
                bucket.put(home, sha256, Path(new) / name)
        return files

    def _published(
        self, bucket: Bucket, home: str, index: LibraryIndex, files: dict[str, str], writer: str
    ) -> bool:
        """Have the row name these files, and delete all others; False where the lease is another's by now."""
        with self._database.write() as session:
            row, now = self._row(session), clock.now(session)
            if row is None or row.writer != writer:
                return False
            row.files, row.state, row.published_at = files, asdict(index.state), now
            left = self._left_behind(session, bucket, now - _KEPT)
        for each, needed in {home: files, **left}.items():
            names = {found.name for found in bucket.objects(each)}
            bucket.delete(each, names - set(needed.values()))
        return True

    def _left_behind(self, session: Session, bucket: Bucket, before: datetime) -> dict[str, dict[str, str]]:
        """Delete the rows that nobody has published for long; their homes, where nothing is needed."""
        old = session.scalars(select(IndexSnapshot).where(IndexSnapshot.published_at < before)).all()
        for row in old:
            session.delete(row)
        return {home_of(row.place): {} for row in old if row.place == bucket.place(home_of(row.place))}

    def _release(self, writer: str) -> None:
        with self._database.write() as session:
            row = self._row(session)
            if row is not None and row.writer == writer:
                row.writer = row.lease_until = None


def _lacks_much(one: PassageState, other: PassageState) -> bool:
    """Whether so many passages, or vectors, have come since `one`, or gone, that they take long to index."""
    come = max(other.last_passage - one.last_passage, other.embedded - one.embedded)
    return max(come, one.passages - other.passages) > _PART * other.passages

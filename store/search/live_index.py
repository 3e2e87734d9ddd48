"""The index that searches use: it follows the database in a thread; where it is kept."""

import logging
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread

from store.database import Database
from store.search.faiss_snapshot import FaissSnapshot
from store.search.follower import Follower
from store.search.index_building import build
from store.search.index_snapshots import IndexSnapshots
from store.search.library_index import LibraryIndex, UnusableIndexError, read_state
from store.search.passage_vectors import PassageVectors

_log = logging.getLogger(__name__)


class LiveIndex:
    """The `current` index of a database, None until there is one. It is thread-safe.

    `folder` keeps it between runs. A library of more than `large` passages is searched by lists.
    """

    def __init__(self, database: Database, folder: Path, vectors: PassageVectors, large: int) -> None:
        self.current: LibraryIndex | None = None
        self.rebuilds = 0
        self._database = database
        self._folder = folder
        self._vectors = vectors
        self._large = large
        self._building = Lock()
        self._keeping = Lock()
        self._on_disk: LibraryIndex | None = None
        self._snapshots = IndexSnapshots(database, vectors.embedder)
        self._follower = Follower("index", self._bring_up_to_date, self._keep)
        self._publisher = Follower("index-snapshots", self._publish)
        self._lists_maker: Thread | None = None

    def refresh(self) -> LibraryIndex:
        """Bring the index up to date with the database, keep it, and return it."""
        current = self._bring_up_to_date()
        self._keep()
        return current

    def follow(self) -> Future[LibraryIndex]:
        """Do the same in a thread; the future ends as soon as searches use the index."""
        return self._follower.call()

    def settle(self, seconds: float | None) -> None:
        """Wait until what is being made is in use and kept, for about so many seconds at most."""
        self._follower.join(seconds)
        self._publisher.join(seconds)
        maker = self._lists_maker
        if maker is not None:
            maker.join(seconds)

    def rebuild(self) -> LibraryIndex:
        """Build the index again from the database alone, with its lists, and return it."""
        with self._building:
            built = self._build(None)
            if built.dense.lists_are_due(self._large):
                built = replace(built, dense=built.dense.with_lists())
            self.current = built
        self._publisher.join()
        self._snapshots.offer(built, self._folder, anew=True)
        self._keep()
        return built

    def _bring_up_to_date(self) -> LibraryIndex:
        """Have searches use an index of the database's present state, and return it."""
        with self._building:
            if self.current is None:
                self.current = self._on_disk = self._opened()
            with self._database.read() as session:
                state = read_state(session, self._vectors.embedder)
            if self.current is None or self.current.state != state:
                base = self._snapshots.ahead_of(self.current, self._folder) or self.current
                self.current = base if base is not None and base.state == state else self._build(base)
            self._start_lists(self.current)
            return self.current

    def _build(self, base: LibraryIndex | None) -> LibraryIndex:
        with self._database.read() as session:
            built = build(session, self._vectors, base)
        self.rebuilds += 1
        return built

    def _opened(self) -> LibraryIndex | None:
        """The index in the folder, of whatever state; None if it cannot be used."""
        try:
            return LibraryIndex.open(self._folder, self._vectors.embedder)
        except UnusableIndexError as error:
            if self._folder.exists():
                _log.info("The passage index %s; it is made again.", error)
            return None

    def _keep(self) -> None:
        """Keep the index in the folder, unless it is there, and in the bucket, where it is worth it."""
        with self._keeping:
            current = self.current
            if current is not None and current is not self._on_disk:
                try:
                    current.save(self._folder, self._vectors.embedder)
                except OSError as error:  # the index works without files; the next start builds it again
                    _log.warning("The passage index could not be kept in %s: %s", self._folder, error)
                self._on_disk = current
        self._publisher.call()

    def _publish(self) -> None:
        """Put the index into the bucket, unless its lists are still being made."""
        current = self.current
        if current is not None and not current.dense.lists_are_due(self._large):
            self._snapshots.offer(current, self._folder)

    def _start_lists(self, current: LibraryIndex) -> None:
        """Make lists of a large library in a thread, unless they are being made."""
        maker = self._lists_maker
        if not current.dense.lists_are_due(self._large):
            return
        if maker is None or not maker.is_alive():
            work = self._make_lists
            self._lists_maker = Thread(target=work, args=(current.dense,), name="index-lists", daemon=True)
            self._lists_maker.start()

    def _make_lists(self, dense: FaissSnapshot) -> None:
        made = dense.with_lists()
        with self._building:  # the library may have changed meanwhile
            current = self.current
            assert current is not None
            self.current = replace(current, dense=current.dense.with_lists_of(made))
        self._keep()

"""The database: connected to, migrated, and opened for transactions that read or write."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from store import migrations, postgresql, sqlite
from store.bucket import Bucket
from store.errors import StoreBusyError, UnknownSchemaError

_DIALECTS = {"sqlite": sqlite, "postgresql": postgresql}


class Database:
    """A SQLite file by its path, or a SQLite or PostgreSQL database by URL.

    It is first connected to in the first transaction.

    `dialect` is the module for its kind: `store.sqlite` or `store.postgresql`.
    """

    dialect: ModuleType

    def __init__(
        self, place: str | Path, busy_timeout_s: float = 5.0, *, bucket: Bucket | None = None
    ) -> None:
        """A `place` that is a string is a URL. In a path every sign stands for itself, `?` and `%` too.

        `busy_timeout_s` is how long to wait, in seconds, for the write lock or for a free connection.
        Large artifacts go into the `bucket`, where one is given.

        ValueError: the URL is malformed, or names another kind of database, or SQLite without a file.
        StoreUnreachableError: the driver is not installed.
        """
        try:
            # Put together from text, a URL would end at a `?` of the path, and `%20` would be a space.
            address = (
                URL.create("sqlite", database=str(place)) if isinstance(place, Path) else make_url(place)
            )
            self.dialect = _DIALECTS[address.get_backend_name()]
        except (ArgumentError, KeyError) as error:
            raise ValueError(
                "The database's URL is no good: expected sqlite:////FOLDER/FILE or "
                "postgresql://USER:PASSWORD@HOST/NAME."
            ) from error
        self.engine = self.dialect.connect(
            address,
            busy_timeout_s,
            pool_timeout=busy_timeout_s,
            # JSON has no NaN: refuse it when it is written, or every later reader would fail.
            json_serializer=partial(json.dumps, allow_nan=False, ensure_ascii=False),
        )
        self._writer = self.engine.execution_options(writes=True)
        self._reader = self.dialect.read_only(self.engine)
        self._leave: Callable[[], None] | None = None
        self._bucket = bucket

    @property
    def bucket(self) -> Bucket | None:
        """Where large artifacts are; None where all are in the database."""
        return self._bucket

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for PostgreSQL."""
        return Path(self.engine.url.database or "") if self.dialect is sqlite else None

    def migrate(self) -> None:
        """Migrate the tables to this release. Several processes may call it at once.

        StoreBusyError: another process held the write lock for longer than the busy timeout.
        UnknownSchemaError: the database belongs to a newer release.
        """
        with self._translated_errors(), self._writer.begin() as connection:
            found = migrations.current_revision(connection)
            if found not in (None, *migrations.REVISIONS):
                raise UnknownSchemaError("The database was written by a newer release of Bookchorus.")
            if found != migrations.NEWEST:
                migrations.upgrade(connection)

    def occupy(self) -> None:
        """Say, before the first transaction, that this process lives on the database, until `close`.

        Any number may; the lock that says so ends with the process, however it ends. StoreBusyError: a
        backup is being restored. OSError: there are no locks in the folder of a SQLite database.
        """
        self._leave = self.dialect.occupy(self.engine)

    @contextmanager
    def unoccupied(self) -> Iterator[None]:
        """Let no process live on the database while the context lasts.

        InUseError: one does. OSError: there are no locks in the folder of a SQLite database.
        """
        with self._translated_errors(), self.dialect.unoccupied(self.engine):
            yield

    def holders(self) -> list[str]:
        """Return which processes live on the database, as far as that is known; nothing is locked."""
        with self._translated_errors():
            return sorted(set(self.dialect.holders(self.engine)))

    def schema_revision(self) -> str | None:
        """Return the number of the last migration of the tables; None where there are no tables."""
        with self.read() as session:
            return migrations.current_revision(session.connection())

    def expect_current(self) -> None:
        """Raise UnknownSchemaError unless the tables are those of this release."""
        found = self.schema_revision()
        if found != migrations.NEWEST:
            raise UnknownSchemaError(
                f"The database's tables are of revision {found or 'none'}, this release's of "
                f"{migrations.NEWEST}: the service migrates older ones when it starts."
            )

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that may write. It is committed at the end, or rolled back on any error.

        It holds the only write lock from its start: what it reads cannot change meanwhile, and a second one
        opened inside it would wait for itself. StoreBusyError: the lock was not free in time.
        StoreFullError: the disk has no room. BucketUnreachableError: as `store.artifacts` says.
        """
        info: dict[Any, Any] = {"bucket": self._bucket, "after_commit": set()}
        with (
            self._translated_errors(),
            Session(self._writer, expire_on_commit=False, info=info) as session,
            session.begin(),
        ):
            session.connection()  # begins the transaction: takes the lock before the caller reads anything
            yield session
        for act in info["after_commit"]:
            act(self)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database. A write in it fails."""
        info = {"bucket": self._bucket}
        with self._translated_errors(), Session(self._reader, expire_on_commit=False, info=info) as session:
            yield session

    def close(self) -> None:
        """Close the pooled connections, and live on it no more."""
        self.engine.dispose()
        if self._leave is not None:
            self._leave()
            self._leave = None

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StoreBusyError("Every connection to the database is in use.") from error
        except DBAPIError as error:
            translated = self.dialect.translate_error(error)
            if translated is None:
                raise
            raise translated from error

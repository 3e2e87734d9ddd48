"""Sends one book's file to the service, unless the service has it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.adding.calibre import About, beside
from app.adding.entry import Entry
from app.client import Client, ClientError, NoAnswerError
from app.schemas import AddedBook, Book

# Statuses of a service that is to be asked again.
BUSY = (429, 503)


@dataclass(frozen=True)
class Sender:
    """Sends books with what is said `about` all of them, and the recipe they are learned by. Thread-safe."""

    client: Client
    about: About
    recipe: dict[str, Any] | None = None

    def send(self, entry: Entry, revises: str | None = None) -> Entry:
        """Send a file as a new book, or as the next revision of the book `revises`; return where it stands.

        A file that the service knows is not sent. Where the service is busy or away the entry waits. Raises
        ClientError where the key is refused: no other file would do better.
        """
        try:
            if (book := self.known(entry.path)) is not None:
                return self._known(entry.of_book(book), book.state)
            return self._sent(entry, revises)
        except OSError as error:
            return entry.failed(f"Cannot read it: {error.strerror}.")
        except ClientError as error:
            if error.status == 401:
                raise
            if isinstance(error, NoAnswerError) or error.status in BUSY:
                return entry.waits(str(error), error.retry_after)
            return entry.failed(str(error))

    def known(self, file: Path) -> Book | None:
        """Return the book that the service has of a file, if any. OSError: it cannot be read."""
        return next(iter(self.client.books(sha256=sha256_of(file))), None)

    def upload(self, file: Path, revises: str | None = None) -> AddedBook:
        """Upload a file with what is said about it, here and beside it. ClientError: it is refused."""
        about = self.about.or_else(beside(file))
        return self.client.add(
            file,
            title=about.title,
            author=about.author,
            language=about.language,
            tags=about.tags,
            recipe=self.recipe,
            revises=revises,
        )

    def _known(self, entry: Entry, state: str) -> Entry:
        entry = replace(entry, known=True)
        if state in ("queued", "training") and entry.job is not None:
            return entry.of_job(self.client.job(entry.job))
        return replace(entry, state="known", reason=state)

    def _sent(self, entry: Entry, revises: str | None) -> Entry:
        try:
            added = self.upload(entry.path, revises)
        except ClientError as error:
            if revises is None or error.status != 404:
                raise
            # The book to revise was removed since.
            return self._sent(entry, None)
        entry = replace(entry.of_book(added.book), revised=revises is not None)
        if added.job is None:
            return replace(entry, state="known", reason=added.book.state)
        return entry.of_job(added.job)


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, by which the service knows it. OSError: it cannot be read."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

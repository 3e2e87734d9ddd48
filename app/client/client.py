"""The client: a connection to the service with the calls to upload, train and ask."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from app.client.connection import Connection, Transport, api_path, as_json, refusal, valid_request
from app.client.job_events import follow
from app.client.passages import Passages
from app.client.questions import Questions
from app.client.readiness import readiness
from app.client.registry import Registry
from app.client.streamed_answer import streamed_answer
from app.client.threads import Threads
from app.client.transfer import Transfer
from app.client.upload import upload
from app.schemas import (
    AddedBook,
    AddedJob,
    Answer,
    AskRequest,
    Book,
    EditBook,
    Heard,
    Job,
    JobEvent,
    JobStatus,
    MembersChoice,
    NewVersion,
    Page,
    PromptVersion,
    Readiness,
    Retrieved,
    VersionState,
)

ATTEMPTS = 12


class Client:
    """Calls to the service at `url`, such as "http://127.0.0.1:8000".

    Every call raises ClientError: with the service's own words where it answered with a problem, and with how
    to start it where nothing answers. `follow` gives up after so many `attempts` in a row to connect again.
    An answer may take `timeout` seconds, by default as long as one of a large LLM takes.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: float | None = None,
        transport: Transport = None,
    ) -> None:
        self._connection = Connection(url, key, timeout, transport)
        self._attempts = attempts

    @property
    def registry(self) -> Registry:
        """Calls about the versions of books and the aliases on them."""
        return Registry(self._connection)

    @property
    def passages(self) -> Passages:
        """Calls that find and read passages, and read whole texts."""
        return Passages(self._connection)

    @property
    def questions(self) -> Questions:
        """Calls about the questions that versions of books learn from."""
        return Questions(self._connection)

    @property
    def threads(self) -> Threads:
        """Calls about questions that follow one another."""
        return Threads(self._connection)

    @property
    def transfer(self) -> Transfer:
        """Calls that take versions to folders and back, and look at their members."""
        return Transfer(self._connection)

    @property
    def url(self) -> str:
        """Where the service answers."""
        return self._connection.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def ready(self) -> Readiness:
        """Ask whether the service answers questions yet."""
        return readiness(self._connection)

    def add(
        self,
        source: Path | str,
        *,
        title: str | None = None,
        author: str | None = None,
        language: str | None = None,
        tags: Sequence[str] = (),
        recipe: dict[str, Any] | None = None,
        revises: str | None = None,
    ) -> AddedBook:
        """Upload a book and start to learn it: a Path names a file, a str is the text and needs a title.

        `language` is a BCP 47 tag such as "en". `revises` is the id of a book that this is a new edition of:
        its next revision instead of a new book.
        """
        url = api_path("books") if revises is None else api_path("books", revises, "revisions")
        about = {"title": title, "author": author, "language": language}
        return upload(self._connection, url, source, about, list(tags), recipe)

    def book(self, book_id: str) -> Book:
        """Read a book as it stands."""
        return self._connection.call(Book, "GET", api_path("books", book_id))

    def edit(
        self,
        book_id: str,
        *,
        title: str | None = None,
        author: str | None = None,
        language: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Book:
        """Give a book another title, author, language or tags; None leaves what it has, "" takes an author or
        a language away.
        """
        with valid_request():
            request = EditBook(
                title=title, author=author, language=language, tags=None if tags is None else list(tags)
            )
        return self._connection.call(Book, "PATCH", api_path("books", book_id), json=as_json(request))

    def remove(self, book_id: str) -> None:
        """Remove a book with all that was learned from it."""
        response = self._connection.send("DELETE", api_path("books", book_id))
        if response.is_error:
            raise refusal(response)

    def train(
        self,
        book_id: str,
        *,
        recipe: dict[str, Any] | None = None,
        parent: int | None = None,
        force: bool = False,
    ) -> Job:
        """Start to learn another version of a book, from scratch or from version `parent`.

        It becomes the champion if it is no worse than the one there is, with `force` in any case.
        """
        with valid_request():
            request = NewVersion(recipe=recipe, parent=parent, force=force)
        url = api_path("books", book_id, "versions")
        return self._connection.call(AddedJob, "POST", url, json=as_json(request)).job

    def job(self, job_id: str) -> Job:
        """Read a job as it stands."""
        return self._connection.call(Job, "GET", api_path("jobs", job_id))

    def jobs(
        self, *, book: str | None = None, statuses: Sequence[JobStatus] = (), most: int | None = None
    ) -> list[Job]:
        """Read the jobs of a book or all, with any of the `statuses` or all, newest first: `most` or all."""
        filters: dict[str, str | list[str]] = {} if book is None else {"book": book}
        return self._connection.list_all(Page[Job], "/jobs", {**filters, "status": list(statuses)}, most)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once when it waits, at its next step when it runs; an ended job stays as it is."""
        return self._connection.call(Job, "POST", api_path("jobs", job_id, "cancel"))

    def ask(
        self,
        question: str,
        *,
        books: Sequence[str] | None = None,
        authors: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        k: int | None = None,
        samples: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        min_confidence: float | None = None,
        members: MembersChoice = "auto",
        thread: str | None = None,
        on_heard: Callable[[Heard], None] | None = None,
        on_retrieved: Callable[[Retrieved], None] | None = None,
    ) -> Answer:
        """Ask the members; `books` holds book ids, or `id@alias` or `id@number` for one version.

        Without `books` the service chooses one, of those by any of the `authors` and with any of the `tags`
        where these are given. `members` says whether a version's members answer, as in `POST /ask`. In a
        `thread`, or a `new` one, the answer is kept. `on_retrieved` gets what is about to be read and by
        whom, then `on_heard` the votes so far after each candidate.
        """
        with valid_request():
            request = AskRequest(
                question=question,
                books=None if books is None else list(books),
                authors=None if authors is None else list(authors),
                tags=None if tags is None else list(tags),
                k=k,
                samples=samples,
                temperature=temperature,
                seed=seed,
                min_confidence=min_confidence,
                members=members,
                thread=thread,
                stream=on_heard is not None or on_retrieved is not None,
            )
        if not request.stream:
            return self._connection.call(Answer, "POST", "/ask", json=as_json(request))
        return streamed_answer(self._connection, request, on_heard, on_retrieved)

    def books(self, *, sha256: str | None = None, most: int | None = None) -> list[Book]:
        """Read books, newest first, `most` or all; with `sha256`, the one of your own with such a file."""
        filters = {} if sha256 is None else {"sha256": sha256}
        return self._connection.list_all(Page[Book], "/books", filters, most)

    def versions(
        self,
        *,
        book: str | None = None,
        base_model: str | None = None,
        alias: str | None = None,
        state: VersionState | None = None,
    ) -> list[PromptVersion]:
        """Read all versions that fit, of all books, newest first."""
        filters = {"book": book, "base_model": base_model, "alias": alias, "state": state}
        chosen = {name: value for name, value in filters.items() if value is not None}
        return self._connection.list_all(Page[PromptVersion], "/admin/prompts", chosen)

    def follow(self, job_id: str) -> Iterator[JobEvent]:
        """Yield a job's events from its first, as they happen, until it ends.

        A stream that breaks is taken up again after the last event that came.
        """
        return follow(self._connection, job_id, attempts=self._attempts)

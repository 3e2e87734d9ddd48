"""The client: a connection to the service with the calls to upload, train and ask."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.client.connection import (
    ClientError,
    Connection,
    NoAnswerError,
    api_path,
    as_json,
    json_or_none,
    problem_error,
    refusal,
    valid_request,
)
from app.client.job_events import follow
from app.client.questions import Questions
from app.client.registry import Registry
from app.client.threads import Threads
from app.client.transfer import Transfer
from app.schemas import (
    AddedBook,
    AddedJob,
    Answer,
    AskRequest,
    Book,
    Heard,
    Job,
    JobEvent,
    JsonBook,
    MembersChoice,
    NewVersion,
    Page,
    PromptVersion,
    Readiness,
    VersionState,
)

ATTEMPTS = 12


class Client:
    """Calls to the service at `url`, such as "http://127.0.0.1:8000".

    Every call raises ClientError: with the service's own words where it answered with a problem, and with how
    to start it where nothing answers. `follow` gives up after so many `attempts` in a row to connect again.
    """

    def __init__(self, url: str, key: str | None = None, *, attempts: int = ATTEMPTS) -> None:
        self._connection = Connection(url, key)
        self._attempts = attempts

    @property
    def registry(self) -> Registry:
        """Calls about the versions of books and the aliases on them."""
        return Registry(self._connection)

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def ready(self) -> Readiness:
        """Ask whether the service answers questions yet."""
        response = self._connection.send("GET", "/readyz")
        if response.status_code not in (200, 503):
            raise refusal(response)
        content = json_or_none(response.content)
        detail = content.get("detail") if isinstance(content, dict) else None
        return Readiness(ready=response.status_code == 200, detail=detail if isinstance(detail, str) else "")

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
        names = {"title": title, "author": author, "language": language}
        if isinstance(source, str):
            if title is None:
                raise ClientError("A book given as text needs a title.")
            with valid_request():
                fields = {**names, "text": source, "tags": list(tags) or None, "recipe": recipe}
                request = JsonBook.model_validate(fields)
            return self._connection.call(AddedBook, "POST", url, json=as_json(request))
        told = {"tags": ",".join(tags) or None, "recipe": None if recipe is None else json.dumps(recipe)}
        form = {name: value for name, value in {**names, **told}.items() if value is not None}
        # A name that is no UTF-8 can be opened but not sent.
        name = os.fsencode(source.name).decode(errors="replace")
        try:
            with source.open("rb") as file:
                return self._connection.call(AddedBook, "POST", url, data=form, files={"file": (name, file)})
        except OSError as error:
            raise ClientError(f"Cannot read {source}: {error.strerror}.") from error

    def book(self, book_id: str) -> Book:
        """Read a book as it stands."""
        return self._connection.call(Book, "GET", api_path("books", book_id))

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
    ) -> Answer:
        """Ask the members; `books` holds book ids, or `id@alias` or `id@number` for one version.

        Without `books` the service chooses one, of those by any of the `authors` and with any of the `tags`
        where these are given. `members` says whether a version's members answer, as in `POST /ask`. In a
        `thread`, or a `new` one, the answer is kept. After each candidate `on_heard` gets the votes so far.
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
                stream=on_heard is not None,
            )
        if on_heard is None:
            return self._connection.call(Answer, "POST", "/ask", json=as_json(request))
        return self._streamed_answer(request, on_heard)

    def books(self, *, sha256: str | None = None) -> list[Book]:
        """Read all books, newest first; with `sha256`, the one of your own library with such a file."""
        filters = {} if sha256 is None else {"sha256": sha256}
        return self._connection.list_all(Page[Book], "/books", filters)

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

    def _streamed_answer(self, request: AskRequest, on_heard: Callable[[Heard], None]) -> Answer:
        """Ask for a stream of events; return the answer, which is the last of them."""
        for name, data in self._connection.events("POST", "/ask", json=as_json(request)):
            if name == "heard":
                on_heard(self._connection.parse(Heard, data, "/ask"))
            elif name == "answer":
                return self._connection.parse(Answer, data, "/ask")
            elif name == "error":
                raise problem_error(json_or_none(data), f"The answer broke off: {data}")
        raise NoAnswerError(f"The connection to {self._connection.url} broke before the answer was there.")

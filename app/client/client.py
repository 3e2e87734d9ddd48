"""The HTTP API as Python calls; the command line is written on it."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from app.client.connection import (
    ClientError,
    Connection,
    NoAnswerError,
    as_error,
    checked,
    parsed,
    problem,
    sent,
)
from app.client.registry import Registry
from app.client.transfer import Adapters
from app.schemas import (
    ENDED,
    AddedBook,
    AddedJob,
    Answer,
    AskRequest,
    Book,
    Heard,
    Job,
    JobEvent,
    JsonBook,
    NewVersion,
    Page,
    PromptVersion,
    Readiness,
    VersionState,
)

# A silent stream may be a dead one: connecting again costs nothing and loses no event.
STREAM_TIMEOUT = httpx.Timeout(60, connect=5)
ATTEMPTS = 12
LONGEST_PAUSE_S = 5.0


class Client:
    """Calls to the service at `url`, such as "http://127.0.0.1:8000".

    Every call raises ClientError: with the service's own words where it answered with a problem, and with how
    to start it where nothing answers. `follow` gives up after so many `attempts` in a row to connect again.
    `adapters` takes versions elsewhere and back.
    """

    def __init__(self, url: str, admin_key: str | None = None, *, attempts: int = ATTEMPTS) -> None:
        self._connection = Connection(url, admin_key)
        self.adapters = Adapters(self._connection)
        self._attempts = attempts

    @property
    def registry(self) -> Registry:
        """Calls about the versions of books and the aliases on them."""
        return Registry(self._connection)

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
            raise problem(response)
        content = parsed(response.content)
        detail = content.get("detail") if isinstance(content, dict) else None
        return Readiness(ready=response.status_code == 200, detail=detail if isinstance(detail, str) else "")

    def add(
        self,
        source: Path | str,
        *,
        title: str | None = None,
        author: str | None = None,
        tags: Sequence[str] = (),
        recipe: dict[str, Any] | None = None,
        revises: str | None = None,
    ) -> AddedBook:
        """Upload a book and start to learn it: a Path names a file, a str is the text and needs a title.

        `revises` is the id of a book that this is a new edition of: its next revision instead of a new book.
        """
        path = "/books" if revises is None else f"/books/{revises}/revisions"
        if isinstance(source, str):
            if title is None:
                raise ClientError("A book given as text needs a title.")
            request = JsonBook(
                title=title, author=author, text=source, tags=list(tags) or None, recipe=recipe
            )
            return self._connection.call(AddedBook, "POST", path, json=sent(request))
        form = {
            "title": title,
            "author": author,
            "tags": ",".join(tags) or None,
            "recipe": None if recipe is None else json.dumps(recipe),
        }
        form = {name: value for name, value in form.items() if value is not None}
        try:
            with source.open("rb") as file:
                return self._connection.call(
                    AddedBook, "POST", path, data=form, files={"file": (source.name, file)}
                )
        except OSError as error:
            raise ClientError(f"Cannot read {source}: {error.strerror}.") from error

    def book(self, book_id: str) -> Book:
        """Read a book as it stands."""
        return self._connection.call(Book, "GET", f"/books/{book_id}")

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
        request = NewVersion(recipe=recipe, parent=parent, force=force)
        return self._connection.call(AddedJob, "POST", f"/books/{book_id}/versions", json=sent(request)).job

    def job(self, job_id: str) -> Job:
        """Read a job as it stands."""
        return self._connection.call(Job, "GET", f"/jobs/{job_id}")

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
        heard: Callable[[Heard], None] | None = None,
    ) -> Answer:
        """Ask the members; `books` holds book ids, or `id@alias` or `id@number` for one version.

        Without `books` the service chooses one, of those by any of the `authors` and with any of the `tags`
        where these are given.
        `heard` is called with the votes as they stand whenever a candidate has been heard.
        """
        with checked():
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
                stream=heard is not None,
            )
        if heard is None:
            return self._connection.call(Answer, "POST", "/ask", json=sent(request))
        return self._heard(request, heard)

    def books(self) -> list[Book]:
        """Read all books, newest first."""
        return self._connection.all(Page[Book], "/books", {})

    def prompts(
        self,
        *,
        book: str | None = None,
        base_model: str | None = None,
        alias: str | None = None,
        state: VersionState | None = None,
    ) -> list[PromptVersion]:
        """Read all prompt versions that fit, newest first."""
        filters = {"book": book, "base_model": base_model, "alias": alias, "state": state}
        chosen = {name: value for name, value in filters.items() if value is not None}
        return self._connection.all(Page[PromptVersion], "/admin/prompts", chosen)

    def follow(self, job_id: str) -> Iterator[JobEvent]:
        """Yield a job's events from its first, as they happen, until it ends.

        A stream that breaks is taken up again after the last event that came.
        """
        last: int | None = None
        failures = 0
        over = False
        while True:
            try:
                for event in self._stream(job_id, last):
                    last, failures = event.id, 0
                    yield event
                    if event.type == "message" and event.data.get("kind") in ENDED:
                        return
                if over:
                    return
                # Where the job ended as the stream broke off, one more reading brings its last events.
                over = self.job(job_id).status in ENDED
                failures += 1
            except ClientError as error:
                # 503 is a moment's trouble, like a broken connection; any other answer stays as it is.
                failures += 1
                if failures >= self._attempts or not (
                    isinstance(error, NoAnswerError) or error.status == 503
                ):
                    raise
            # The first try after a break is at once, so that a stream cut by a proxy goes on unseen.
            time.sleep(min(0.25 * (2 ** (failures - 1) - 1), LONGEST_PAUSE_S))

    def _heard(self, request: AskRequest, heard: Callable[[Heard], None]) -> Answer:
        """The answer at the end of a stream, told of what comes before."""
        for name, data in self._connection.events("POST", "/ask", json=sent(request)):
            if name == "heard":
                heard(self._connection.read(Heard, data, "/ask"))
            elif name == "answer":
                return self._connection.read(Answer, data, "/ask")
            elif name == "error":
                raise as_error(parsed(data), f"The answer broke off: {data}")
        raise NoAnswerError(f"The connection to {self._connection.url} broke before the answer was there.")

    def _stream(self, job_id: str, after: int | None) -> Iterator[JobEvent]:
        """Yield the events of one connection, which ends when the service ends it."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        path = f"/jobs/{job_id}/events"
        for _, data in self._connection.events("GET", path, headers=headers, timeout=STREAM_TIMEOUT):
            yield self._connection.read(JobEvent, data, path)

"""The HTTP API as Python calls; the command line is written on it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

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
)

M = TypeVar("M", bound=BaseModel)
# An answer takes minutes where a large LLM runs on a CPU.
TIMEOUT = httpx.Timeout(600, connect=5)
# A silent stream may be a dead one: connecting again costs nothing and loses no event.
STREAM_TIMEOUT = httpx.Timeout(60, connect=5)
PAGE_SIZE = 100
ATTEMPTS = 12
LONGEST_PAUSE_S = 5.0


class ClientError(Exception):
    """A call did not succeed; the message is for the user.

    `status` is the HTTP status and `type` the problem's type, such as "/problems/book-empty"; both are None
    when no answer came.
    """

    def __init__(self, message: str, *, status: int | None = None, type: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.status = status
        self.type = type


class NoAnswerError(ClientError):
    """The service was not reached, or the connection broke."""


class Client:
    """A connection to the service at `url`, such as "http://127.0.0.1:8000".

    Every call raises ClientError: with the service's own words where it answered with a problem, and with how
    to start it where nothing answers. `follow` gives up after so many `attempts` in a row to connect again.
    """

    def __init__(self, url: str, admin_key: str | None = None, *, attempts: int = ATTEMPTS) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ClientError(_not_a_url(url)) from error
        if address.scheme not in ("http", "https") or not address.host:
            raise ClientError(_not_a_url(url))
        headers = {"Authorization": f"Bearer {admin_key}"} if admin_key else {}
        # A proxy cannot reach this machine's own loopback address.
        at_home = address.host in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT, follow_redirects=True, trust_env=not at_home
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> Readiness:
        """Ask whether the service answers questions yet."""
        response = self._send("GET", "/readyz")
        if response.status_code not in (200, 503):
            raise _problem(response)
        content = _json(response.content)
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
    ) -> AddedBook:
        """Upload a book and start to learn it: a Path names a file, a str is the text and needs a title."""
        if isinstance(source, str):
            if title is None:
                raise ClientError("A book given as text needs a title.")
            request = JsonBook(
                title=title, author=author, text=source, tags=list(tags) or None, recipe=recipe
            )
            return self._call(AddedBook, "POST", "/books", json=_sent(request))
        form = {
            "title": title,
            "author": author,
            "tags": ",".join(tags) or None,
            "recipe": None if recipe is None else json.dumps(recipe),
        }
        form = {name: value for name, value in form.items() if value is not None}
        try:
            with source.open("rb") as file:
                return self._call(AddedBook, "POST", "/books", data=form, files={"file": (source.name, file)})
        except OSError as error:
            raise ClientError(f"Cannot read {source}: {error.strerror}.") from error

    def train(self, book_id: str, *, recipe: dict[str, Any] | None = None, parent: int | None = None) -> Job:
        """Start to learn another version of a book."""
        request = NewVersion(recipe=recipe, parent=parent)
        return self._call(AddedJob, "POST", f"/books/{book_id}/versions", json=_sent(request)).job

    def job(self, job_id: str) -> Job:
        """Read a job as it stands."""
        return self._call(Job, "GET", f"/jobs/{job_id}")

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
        try:
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
        except ValidationError as error:
            raise ClientError(_first_problem(error)) from error
        if heard is None:
            return self._call(Answer, "POST", "/ask", json=_sent(request))
        return self._heard(request, heard)

    def books(self) -> list[Book]:
        """Read all books, newest first."""
        return self._all(Page[Book], "/books", {})

    def prompts(
        self, *, book: str | None = None, base_model: str | None = None, alias: str | None = None
    ) -> list[PromptVersion]:
        """Read all prompt versions that fit, newest first."""
        filters = {"book": book, "base_model": base_model, "alias": alias}
        chosen = {name: value for name, value in filters.items() if value is not None}
        return self._all(Page[PromptVersion], "/admin/prompts", chosen)

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
        for name, data in self._events("POST", "/ask", json=_sent(request)):
            if name == "heard":
                heard(self._read(Heard, data, "/ask"))
            elif name == "answer":
                return self._read(Answer, data, "/ask")
            elif name == "error":
                raise _as_error(_json(data), f"The answer broke off: {data}")
        raise NoAnswerError(f"The connection to {self.url} broke before the answer was there.")

    def _stream(self, job_id: str, after: int | None) -> Iterator[JobEvent]:
        """Yield the events of one connection, which ends when the service ends it."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        path = f"/jobs/{job_id}/events"
        for _, data in self._events("GET", path, headers=headers, timeout=STREAM_TIMEOUT):
            yield self._read(JobEvent, data, path)

    def _events(self, method: str, path: str, **request: Any) -> Iterator[tuple[str, str]]:
        """Yield the name and data of each server-sent event of an answer."""
        try:
            with self._http.stream(method, path, **request) as response:
                if response.is_error:
                    response.read()
                    raise _problem(response)
                yield from _messages(response.iter_bytes())
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _all(self, page: type[Page[M]], path: str, filters: dict[str, str]) -> list[M]:
        found: list[M] = []
        cursor: dict[str, str] = {}
        while True:
            params = {**filters, **cursor, "limit": str(PAGE_SIZE)}
            part = self._call(page, "GET", path, params=params)
            found += part.data
            if not part.has_more or not part.data:
                return found
            cursor = {"after": _identity(part.data[-1])}

    def _call(self, model: type[M], method: str, path: str, **request: Any) -> M:
        response = self._send(method, path, **request)
        if response.is_error:
            raise _problem(response)
        return self._read(model, response.content, path)

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: httpx.HTTPError) -> NoAnswerError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return NoAnswerError(f"No service answers at {self.url}. Start one with: bookchorus serve")
        if isinstance(error, httpx.TimeoutException):
            return NoAnswerError(f"The service at {self.url} did not answer in time.")
        return NoAnswerError(f"The connection to {self.url} broke: {str(error) or type(error).__name__}")

    def _read(self, model: type[M], data: str | bytes, path: str) -> M:
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            other = f"{self.url}{path} answered in another shape. Is it a Bookchorus of this version?"
            raise ClientError(other) from error


def _messages(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the name and the data of each server-sent event.

    Lines end at LF or CR LF only: str.splitlines would also cut at characters that JSON may
    hold, such as U+2028.
    """
    rest = b""
    name = ""
    data: list[str] = []
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode()
            if not text and data:
                yield name, "\n".join(data)
                name, data = "", []
            elif text.startswith("data:"):
                data.append(text.removeprefix("data:").removeprefix(" "))
            elif text.startswith("event:"):
                name = text.removeprefix("event:").strip()


def _problem(response: httpx.Response) -> ClientError:
    otherwise = f"The service answered {response.status_code} {response.reason_phrase}".rstrip() + "."
    return _as_error(_json(response.content), otherwise, response.status_code)


def _as_error(content: object, otherwise: str, status: int | None = None) -> ClientError:
    """The error that a problem says, or `otherwise`; its status where none was sent."""
    problem = content if isinstance(content, dict) else {}
    said = next((problem[key] for key in ("detail", "title") if isinstance(problem.get(key), str)), otherwise)
    kind, own = problem.get("type"), problem.get("status")
    status = own if status is None and isinstance(own, int) else status
    return ClientError(said, status=status, type=kind if isinstance(kind, str) else None)


def _json(data: str | bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _sent(request: BaseModel) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude_none=True)


def _identity(record: BaseModel) -> str:
    return str(record.model_dump(include={"id"})["id"])


def _not_a_url(url: str) -> str:
    return f"{url!r} is not a service's URL; expected one such as http://127.0.0.1:8000"


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    # What is wrong with the whole stands nowhere.
    where = f"{'.'.join(str(part) for part in first['loc'])}: " if first["loc"] else ""
    return where + first["msg"].removeprefix("Value error, ")

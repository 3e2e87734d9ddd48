"""A connection to the service: requests, pages, streams of events, and problems as errors."""

import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from app.schemas import Page

M = TypeVar("M", bound=BaseModel)
# An answer takes minutes where a large LLM runs on a CPU.
TIMEOUT = httpx.Timeout(600, connect=5)
PAGE_SIZE = 100
# What carries the requests of a client; None is the network.
Transport = httpx.BaseTransport | None


class ClientError(Exception):
    """A call did not succeed; the message is for the user.

    `status` is the HTTP status and `type` the problem's type, such as "/problems/book-empty"; both are None
    when no answer came. `problem` is all that the service said. `retry_after` is after how many seconds it
    wants to be asked again, where it says so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002
        problem: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.problem = problem
        self.retry_after = retry_after


class NoAnswerError(ClientError):
    """The service was not reached, or the connection broke."""


class Connection:
    """A connection to the service at `url`, such as "http://127.0.0.1:8000".

    Every call raises ClientError: with the service's own words where it answered with a problem, and with how
    to start it where nothing answers. An answer may take `timeout` seconds, by
    default as long as one of a large LLM takes.
    """

    def __init__(
        self, url: str, key: str | None = None, timeout: float | None = None, transport: Transport = None
    ) -> None:
        self.url = url.rstrip("/")
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ClientError(_not_a_url(url)) from error
        if address.scheme not in ("http", "https") or not address.host:
            raise ClientError(_not_a_url(url))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A proxy cannot reach this machine's own loopback address.
        loopback = address.host in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=TIMEOUT if timeout is None else httpx.Timeout(timeout),
            follow_redirects=True,
            trust_env=not loopback,
            # Nobody needs the authorities' certificates here, and reading them takes .06 s.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if loopback and address.scheme == "http" else True,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def events(self, method: str, path: str, **request: Any) -> Iterator[tuple[str, str]]:
        """Yield the name and data of each server-sent event of an answer."""
        yield from _server_sent_events(self.chunks(method, path, **request))

    def chunks(self, method: str, path: str, **request: Any) -> Iterator[bytes]:
        """Yield the bytes of an answer as they come."""
        try:
            with self._http.stream(method, path, **request) as response:
                if response.is_error:
                    response.read()
                    raise refusal(response)
                yield from response.iter_bytes()
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def list_all(
        self, page: type[Page[M]], path: str, filters: Mapping[str, str | list[str]], most: int | None = None
    ) -> list[M]:
        """Read every page of a list, or no more than its first `most` entries."""
        found: list[M] = []
        cursor: dict[str, str] = {}
        while True:
            limit = PAGE_SIZE if most is None else min(PAGE_SIZE, most - len(found))
            part = self.call(page, "GET", path, params={**filters, **cursor, "limit": str(limit)})
            found += part.data
            if not part.has_more or not part.data or len(found) == most:
                return found
            cursor = {"after": _id(part.data[-1])}

    def call(self, model: type[M], method: str, path: str, **request: Any) -> M:
        """Send a request and read its answer as a `model`."""
        response = self.send(method, path, **request)
        if response.is_error:
            raise refusal(response)
        return self.parse(model, response.content, path)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return the answer, also where that is a problem."""
        try:
            return self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: httpx.HTTPError) -> NoAnswerError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return NoAnswerError(f"No service answers at {self.url}. If none is starting: bookchorus serve")
        if isinstance(error, httpx.TimeoutException):
            return NoAnswerError(f"The service at {self.url} did not answer in time.")
        return NoAnswerError(f"The connection to {self.url} broke: {str(error) or type(error).__name__}")

    def parse(self, model: type[M], data: str | bytes, path: str) -> M:
        """Make a `model` of what `path` answered."""
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            other = f"{self.url}{path} answered in another shape. Is it a Bookchorus of this version?"
            raise ClientError(other) from error


def api_path(*parts: str | int) -> str:
    """The path of a call; a part with a slash in it stays one part."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


@contextmanager
def valid_request() -> Iterator[None]:
    """Raise ClientError where a request that is made inside has a value that the API does not take."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        # An error of the whole request has no place.
        where = f"{'.'.join(str(part) for part in first['loc'])}: " if first["loc"] else ""
        raise ClientError(where + first["msg"].removeprefix("Value error, ")) from error


def as_json(request: BaseModel) -> dict[str, Any]:
    """A request as JSON, without the fields that are None."""
    return request.model_dump(mode="json", exclude_none=True)


def _server_sent_events(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
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


def refusal(response: httpx.Response) -> ClientError:
    """The error of an answer whose status is one."""
    otherwise = f"The service answered {response.status_code} {response.reason_phrase}".rstrip() + "."
    error = problem_error(json_or_none(response.content), otherwise, response.status_code)
    seconds = response.headers.get("Retry-After", "")
    # A date, which proxies may send, is not read.
    error.retry_after = float(seconds) if seconds.isascii() and seconds.isdigit() else None
    return error


def problem_error(content: object, otherwise: str, status: int | None = None) -> ClientError:
    """The error that a problem (RFC 9457) describes; where `content` is none, `otherwise` is its message.

    `status` is that of the answer; without one, the problem's own is taken.
    """
    fields = content if isinstance(content, dict) else {}
    said = next((fields[key] for key in ("detail", "title") if isinstance(fields.get(key), str)), otherwise)
    kind, own = fields.get("type"), fields.get("status")
    status = own if status is None and isinstance(own, int) else status
    kind = kind if isinstance(kind, str) else None
    return ClientError(said, status=status, type=kind, problem=fields or None)


def json_or_none(data: str | bytes) -> object:
    """Parse JSON; None where it is not."""
    try:
        return json.loads(data)
    except ValueError:
        return None


def _id(record: BaseModel) -> str:
    return str(record.model_dump(include={"id"})["id"])


def _not_a_url(url: str) -> str:
    return f"{url!r} is not a service's URL; expected one such as http://127.0.0.1:8000"

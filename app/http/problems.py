"""Errors as `application/problem+json` (RFC 9457), each with a stable type and a sentence that helps."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.answering.errors import NoBookFitsError, NothingToAskError, NotReadyError
from app.answering.question_check import QuestionError
from app.engine.member_cache import OtherModelError
from app.engine.scheduler import EngineClosedError, UnwantedError
from app.parsing.parsed import ParseError
from app.schemas.text import WHAT, unkept
from app.training.question_changes import ChangeError
from app.training.requests import InvalidParentError, InvalidRecipeError, QueueFullError
from app.transfer.refusal import ImportRefusedError
from store.errors import (
    DamagedArtifactError,
    DamagedDatabaseError,
    DuplicateBookError,
    InvalidAliasError,
    InvalidTagsError,
    NotFoundError,
    NothingToRollBackToError,
    OldRevisionError,
    QuestionExistsError,
    StoreBusyError,
    StoreFullError,
    StoreUnreachableError,
    VersionInUseError,
    VersionPrunedError,
    WorseThanChampionError,
)
from trainer.llm.microbatches import OutOfMemoryError

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error response: `slug` names its type, `more` are further members of the JSON."""

    def __init__(
        self, status: int, slug: str, detail: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = headers
        self.more = more

    @property
    def body(self) -> dict[str, Any]:
        """The problem's members."""
        return {
            "type": f"/problems/{self.slug}",
            "title": self.slug.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def json(self) -> str:
        """The body as text."""
        return json.dumps(self.body)

    def response(self) -> JSONResponse:
        """The problem as an answer."""
        return JSONResponse(
            self.body, self.status, headers=self.headers, media_type="application/problem+json"
        )


_BUSY = {"Retry-After": "5"}
_LOCKED = "The database is locked by another writer: try again."
_LEAVING = "The service is shutting down."
_GONE = "The client went away before the answer was there."

# The errors that the rules raise on purpose, as the problems they are.
_KNOWN: dict[type[Exception], Callable[[Any], Problem]] = {
    NotFoundError: lambda error: Problem(404, "not-found", str(error)),
    StoreBusyError: lambda _: Problem(503, "store-busy", _LOCKED, _BUSY),
    StoreUnreachableError: lambda error: Problem(503, "store-unreachable", str(error), _BUSY),
    DamagedDatabaseError: lambda error: Problem(503, "store-damaged", str(error)),
    StoreFullError: lambda error: Problem(507, "disk-full", str(error)),
    DuplicateBookError: lambda error: Problem(409, "book-exists", str(error), None, book=error.book_id),
    InvalidAliasError: lambda error: Problem(422, "invalid-alias", str(error)),
    InvalidTagsError: lambda error: Problem(422, "invalid-tags", str(error), None, limit=error.limit),
    ParseError: lambda error: Problem(422, error.slug, str(error), None, **error.limits),
    QuestionError: lambda error: Problem(422, error.slug, str(error), None, **error.limits),
    ImportRefusedError: lambda error: Problem(422, error.slug, str(error), None, **error.more),
    ChangeError: lambda error: Problem(
        422, error.slug, str(error), None, change=error.change, **error.limits
    ),
    QuestionExistsError: lambda error: Problem(
        409, "question-exists", str(error), None, question=error.question_id
    ),
    OldRevisionError: lambda error: Problem(
        409, "question-of-old-revision", str(error), None, revision=error.revision
    ),
    InvalidParentError: lambda error: Problem(422, error.slug, str(error)),
    InvalidRecipeError: lambda error: _invalid_recipe(error),
    QueueFullError: lambda error: Problem(
        503, "queue-full", str(error), {"Retry-After": "60"}, limit=error.limit
    ),
    OtherModelError: lambda error: Problem(409, "version-of-other-model", str(error)),
    NothingToAskError: lambda error: Problem(409, "no-books", str(error)),
    NoBookFitsError: lambda error: Problem(404, "no-book-fits", str(error)),
    NotReadyError: lambda error: Problem(
        409, "book-not-ready", str(error), None, book=error.book, job=error.job, progress=error.progress
    ),
    OutOfMemoryError: lambda error: Problem(503, "out-of-memory", f"{error}."),
    EngineClosedError: lambda _: Problem(503, "shutting-down", _LEAVING, _BUSY),
    VersionPrunedError: lambda error: Problem(
        409, "version-pruned", str(error), None, book=error.book_id, version=error.number
    ),
    VersionInUseError: lambda error: Problem(409, "version-in-use", str(error), None, users=error.users),
    WorseThanChampionError: lambda error: Problem(
        409, "worse-than-champion", str(error), None, gate=error.gate
    ),
    NothingToRollBackToError: lambda error: Problem(409, "nothing-to-roll-back-to", str(error)),
    # nginx's status; only logs see it.
    UnwantedError: lambda _: Problem(499, "client-gone", _GONE),
    ClientDisconnect: lambda _: Problem(499, "client-gone", _GONE),
    DamagedArtifactError: lambda error: Problem(503, "artifact-damaged", str(error)),
}
_HTTP = {404: "no-such-page", 405: "method-not-allowed", 413: "book-too-large"}


def as_problem(error: Exception) -> Problem:
    """The problem that an exception is."""
    if type(error) in _KNOWN:
        return _KNOWN[type(error)](error)
    return Problem(500, "internal-error", "Something went wrong here; the service's log says what.")


def invalid(slug: str, error: ValidationError | RequestValidationError) -> Problem:
    """The problem of values that do not fit their model: where each stands, and what was expected there."""
    found = [{"where": _place(each) or "body", "what": each["msg"]} for each in error.errors()]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in found)
    return Problem(422, slug, detail, errors=found)


def _place(error: Mapping[str, Any]) -> str:
    """Where a value stands; where a whole model refuses it, the error's context says the rest of the way."""
    return ".".join(map(str, (*error["loc"], *error.get("ctx", {}).get("where", ()))))


def refuse_unkept(**values: object) -> None:
    """Raise Problem invalid-request where one of these has text that cannot be kept, and name the place."""
    where = unkept(values)
    if where is not None:
        place = ".".join(map(str, where))
        raise Problem(422, "invalid-request", f"{place}: {WHAT}", errors=[{"where": place, "what": WHAT}])


def _invalid_recipe(error: InvalidRecipeError) -> Problem:
    """The problem of a recipe; of a field of the wrong kind it says what was expected there."""
    if isinstance(error.__cause__, ValidationError):
        return invalid("invalid-recipe", error.__cause__)
    return Problem(422, "invalid-recipe", str(error), None, **error.limits)


def openai_error(problem: Problem) -> dict[str, Any]:
    """A problem in the shape that OpenAI's clients expect; `param` is the first field that is wrong."""
    kind = "invalid_request_error" if problem.status < 500 else "server_error"
    places = [str(each["where"]) for each in problem.more.get("errors", ())]
    param = next((place.removeprefix("body.") for place in places if place.startswith("body.")), None)
    error = {"message": problem.detail, "type": kind, "param": param, "code": problem.slug}
    return {"error": error}


def _response(request: Request, problem: Problem) -> JSONResponse:
    if not request.url.path.startswith("/v1/"):
        return problem.response()
    # Clients of OpenAI's API know 400 where ours says 422.
    status = 400 if problem.status == 422 else problem.status
    return JSONResponse(openai_error(problem), status, headers=problem.headers)


def install(app: FastAPI) -> None:
    """Turn every error of `app` into a problem."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        return _response(request, as_problem(error))

    for kind in _KNOWN:
        app.add_exception_handler(kind, known)

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return _response(request, error)

    @app.exception_handler(RequestValidationError)
    async def of_another_shape(request: Request, error: RequestValidationError) -> JSONResponse:
        return _response(request, invalid("invalid-request", error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400 and isinstance(error.__cause__, ValueError | RecursionError):
            # FastAPI's word for JSON with too many digits, brackets, or bytes of no encoding.
            detail = f"body: it cannot be read as JSON: {error.__cause__}"
            return _response(request, Problem(422, "invalid-request", detail))
        slug = _HTTP.get(error.status_code, "http-error")
        headers = dict(error.headers) if error.headers else None
        return _response(request, Problem(error.status_code, slug, str(error.detail), headers))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _response(request, as_problem(error))

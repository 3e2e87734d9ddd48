"""Errors as `application/problem+json` (RFC 9457), each with a stable type and a sentence that helps."""

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from app.answering.errors import NoBookFitsError, NothingToAskError, NotReadyError
from app.answering.question_check import QuestionError
from app.engine.errors import EngineClosedError, EngineUnreachableError, UnwantedError
from app.engine.member_cache import OtherModelError
from app.parsing.parsed import ParseError
from app.schemas.text import WHAT, unkept
from app.training.question_changes import ChangeError
from app.training.requests import InvalidParentError, InvalidRecipeError, QueueFullError
from app.transfer.refusal import ImportRefusedError
from store.errors import (
    BucketUnreachableError,
    DamagedArtifactError,
    DamagedDatabaseError,
    DuplicateBookError,
    InvalidAliasError,
    InvalidTagsError,
    NotFoundError,
    NothingToRollBackToError,
    OldRevisionError,
    QuestionExistsError,
    QuotaReachedError,
    StoreBusyError,
    StoreFullError,
    StoreUnreachableError,
    ThreadFullError,
    TooManyThreadsError,
    VersionInUseError,
    VersionPrunedError,
    WorseThanChampionError,
)
from trainer.llm.microbatches import OutOfMemoryError, is_out_of_memory

log = logging.getLogger(__name__)

# Of the errors of one request, and characters of a place or of what was expected there.
_MOST_ERRORS = 20
_LONGEST_PLACE = 500
_LONGEST_DETAIL = 5_000


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error response: `slug` names its type, `more` are further members of the JSON."""

    def __init__(
        self, status: int, slug: str, detail: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        # What a caller sent may be in it, such as the name of a book of five million characters.
        self.detail = _short(detail, _LONGEST_DETAIL)
        super().__init__(self.detail)
        self.status = status
        self.slug = slug
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
_NO_ENGINE = "No process with the LLM takes this now: try again in a moment."
_NO_MEMORY = "There is no memory left for this just now: ask for fewer passages or books, or try again."
_GONE = "The client went away before the answer was there."

# The errors that the rules raise on purpose, as the problems they are.
KNOWN: dict[type[Exception], Callable[[Any], Problem]] = {
    NotFoundError: lambda error: Problem(404, "not-found", str(error)),
    StoreBusyError: lambda _: Problem(503, "store-busy", _LOCKED, _BUSY),
    StoreUnreachableError: lambda error: Problem(503, "store-unreachable", str(error), _BUSY),
    BucketUnreachableError: lambda error: Problem(503, "bucket-unreachable", str(error), _BUSY),
    DamagedDatabaseError: lambda error: Problem(503, "store-damaged", str(error)),
    StoreFullError: lambda error: Problem(507, "disk-full", str(error)),
    DuplicateBookError: lambda error: Problem(409, "book-exists", str(error), None, book=error.book_id),
    QuotaReachedError: lambda error: Problem(
        403, "quota-reached", str(error), None, quota=error.quota, limit=error.limit
    ),
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
    EngineUnreachableError: lambda _: Problem(503, "engine-unreachable", _NO_ENGINE, _BUSY),
    VersionPrunedError: lambda error: Problem(
        409, "version-pruned", str(error), None, book=error.book_id, version=error.number
    ),
    VersionInUseError: lambda error: Problem(409, "version-in-use", str(error), None, users=error.users),
    WorseThanChampionError: lambda error: Problem(
        409, "worse-than-champion", str(error), None, gate=error.gate
    ),
    NothingToRollBackToError: lambda error: Problem(409, "nothing-to-roll-back-to", str(error)),
    ThreadFullError: lambda error: Problem(409, "thread-full", str(error), None, limit=error.limit),
    TooManyThreadsError: lambda error: Problem(409, "too-many-threads", str(error), None, limit=error.limit),
    # nginx's status; only logs see it.
    UnwantedError: lambda _: Problem(499, "client-gone", _GONE),
    ClientDisconnect: lambda _: Problem(499, "client-gone", _GONE),
    DamagedArtifactError: lambda error: Problem(503, "artifact-damaged", str(error)),
}


def as_problem(error: Exception, what: str = "an answer") -> Problem:
    """The problem that an exception is; one that is not foreseen is logged, with what failed, under an id."""
    if type(error) in KNOWN:
        return KNOWN[type(error)](error)
    if is_out_of_memory(error):
        return Problem(503, "out-of-memory", _NO_MEMORY, _BUSY)
    number = secrets.token_hex(6)
    log.error("error %s: %s failed", number, what, exc_info=error)
    detail = f"Something went wrong here; the service's log says what, under the id {number}."
    return Problem(500, "internal-error", detail, id=number)


def invalid(slug: str, error: ValidationError | RequestValidationError) -> Problem:
    """The problem of values that do not fit their model: where each stands, and what was expected there.

    Of more than `_MOST_ERRORS` the first are told, as places have as many characters as the caller likes.
    """
    errors = list(islice(error.errors(), _MOST_ERRORS))
    found = [{"where": _short(_place(each)) or "body", "what": _short(each["msg"])} for each in errors]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in found)
    return Problem(422, slug, detail, errors=found)


def _short(text: str, most: int = _LONGEST_PLACE) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


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


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The answer that a problem is, in the shape that callers of this path expect."""
    if not request.url.path.startswith("/v1/"):
        return problem.response()
    # Clients of OpenAI's API know 400 where ours says 422.
    status = 400 if problem.status == 422 else problem.status
    return JSONResponse(openai_error(problem), status, headers=problem.headers)

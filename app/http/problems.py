"""What goes wrong, as `application/problem+json` (RFC 9457) with a stable type and a sentence that helps."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.answering import NothingToAskError
from app.asking import QuestionError
from app.engine import EngineClosedError
from store.errors import DamagedArtifact, InvalidAlias, NotFound, StoreBusy, StoreFull

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer other than success: `slug` names its type, `more` are members of their own in the JSON."""

    def __init__(
        self, status: int, slug: str, detail: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = headers
        self.more = more

    def response(self) -> JSONResponse:
        """The problem as JSON."""
        body = {
            "type": f"/problems/{self.slug}",
            "title": self.slug.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return JSONResponse(body, self.status, headers=self.headers, media_type="application/problem+json")


_BUSY = {"Retry-After": "5"}


def _known(error: Exception) -> Problem:
    """The problem that an error of the store or of answering is."""
    match error:
        case NotFound():
            return Problem(404, "not-found", str(error))
        case StoreBusy():
            detail = "The database is locked by another writer: try again."
            return Problem(503, "store-busy", detail, headers=_BUSY)
        case StoreFull():
            return Problem(507, "disk-full", str(error))
        case InvalidAlias():
            return Problem(422, "invalid-alias", str(error))
        case QuestionError():
            return Problem(422, error.slug, str(error), None, **error.limits)
        case NothingToAskError():
            return Problem(409, "no-books", "The library is empty: upload a book with POST /books.")
        case EngineClosedError():
            return Problem(503, "shutting-down", "The service is shutting down.", headers=_BUSY)
        case DamagedArtifact():
            return Problem(503, "artifact-damaged", f"A soft prompt of this version is damaged: {error}")
    raise error


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    async def known(_: Request, error: Exception) -> JSONResponse:
        return _known(error).response()

    for kind in (
        NotFound,
        StoreBusy,
        StoreFull,
        InvalidAlias,
        QuestionError,
        NothingToAskError,
        EngineClosedError,
        DamagedArtifact,
    ):
        app.add_exception_handler(kind, known)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
        detail = "; ".join(f"{each['where']}: {each['what']}" for each in found)
        return Problem(422, "invalid-request", detail, errors=found).response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        slug = {404: "no-such-page", 405: "method-not-allowed", 413: "book-too-large"}.get(
            error.status_code, "http-error"
        )
        headers = dict(error.headers) if error.headers else None
        return Problem(error.status_code, slug, str(error.detail), headers=headers).response()

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        detail = "Something went wrong here; the service's log says what."
        return Problem(500, "internal-error", detail).response()

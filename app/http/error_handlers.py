"""Every error that leaves a route becomes a problem here."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.http.problems import KNOWN, Problem, as_problem, invalid, respond

_HTTP = {404: "no-such-page", 405: "method-not-allowed"}
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def install(app: FastAPI, too_large: Callable[[str], Problem]) -> None:
    """Turn every error of `app` into a problem, that of a body into what `too_large` says of its path."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        return respond(request, as_problem(error))

    for kind in KNOWN:
        app.add_exception_handler(kind, known)

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return respond(request, error)

    @app.exception_handler(RequestValidationError)
    async def of_another_shape(request: Request, error: RequestValidationError) -> JSONResponse:
        return respond(request, invalid("invalid-request", error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400 and isinstance(error.__cause__, ValueError | RecursionError):
            # FastAPI's word for JSON with too many digits, brackets, or bytes of no encoding.
            detail = f"body: it cannot be read as JSON: {error.__cause__}"
            return respond(request, Problem(422, "invalid-request", detail))
        if error.status_code == 413:
            return respond(request, too_large(request.url.path))
        slug = _HTTP.get(error.status_code, "http-error")
        headers = dict(error.headers) if error.headers else None
        if error.status_code == 405:
            headers = {"Allow": ", ".join(_allowed(request))}
        return respond(request, Problem(error.status_code, slug, str(error.detail), headers))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return respond(request, as_problem(error, f"{request.method} {request.url.path}"))


def _allowed(request: Request) -> list[str]:
    """The methods that the request's path takes; what raises 405 knows those of one of its routes alone."""
    app, asked = request.app, request.scope
    return [
        method
        for method in _METHODS
        if any(route.matches({**asked, "method": method})[0] == Match.FULL for route in app.routes)
    ]

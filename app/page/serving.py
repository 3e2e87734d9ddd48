"""Serves the page's files, which may load from their own service alone and call nobody else."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

_FILES = Path(__file__).parent / "static"
_SAMPLE = Path(__file__).parents[1] / "sample"
_POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{what}-src 'self'" for what in ("script", "style", "img", "connect")),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The browser asks each time, and is told that nothing has changed.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def add_page(app: FastAPI) -> None:
    """Serve the page at `/`, its files below `/page`, and the sample book that it offers."""
    app.mount("/page/sample", _Files(directory=_SAMPLE))
    app.mount("/page", _Files(directory=_FILES))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_FILES / "index.html", headers=_HEADERS)

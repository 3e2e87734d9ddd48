"""Only an import may have a body above the cap, whatever a path ends in."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.http.body_limit import BodyLimit
from app.http.routes.transfer import IMPORT


async def read(request: Request) -> Response:
    """Read the whole body, as a route does that takes one."""
    await request.body()
    return Response()


APP = Starlette(
    routes=[Route("/{rest:path}", read, methods=["POST"])],
    middleware=[Middleware(BodyLimit, most_bytes=10, but=IMPORT)],
)


def status(path: str, body: bytes) -> int:
    async def post() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://service") as client:
            return (await client.post(path, content=body)).status_code

    return asyncio.run(post())


@pytest.mark.parametrize(
    "path",
    [
        "/books/one/versions/import",
        "/ask/versions/import",
        "/admin/books/one/two/versions/import",
        "/admin/books/one/versions/import/",
        "/else/admin/books/one/versions/import",
    ],
)
def test_a_path_that_ends_like_an_import_is_capped(path: str) -> None:
    assert status(path, b"x" * 10) == 200
    assert status(path, b"x" * 11) == 413


def test_an_import_is_not_capped() -> None:
    assert status("/admin/books/one/versions/import", b"x" * 11) == 200

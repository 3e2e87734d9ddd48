"""The route at which assistants ask by MCP, over streamable HTTP."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request, Response
from starlette.types import Receive, Scope, Send

from app.client import Client
from app.http.ask_room import AskRoom
from app.http.callers import caller_of
from app.http.within import Within

router = APIRouter()


async def _threads(request: Request) -> AsyncIterator[CapacityLimiter]:
    room: AskRoom = request.app.state.tools
    with room.taken():
        yield room.threads


# The protocol describes itself: it is no part of the description of the API.
@router.post("/mcp", include_in_schema=False)
async def speak_mcp(request: Request, threads: Annotated[CapacityLimiter, Depends(_threads)]) -> Response:
    """Answer a message of MCP. Its tools make calls of this API, with the rights of the caller."""
    # The library takes longer to import than a start may: that waits for the first message.
    server = await to_thread.run_sync(_server, limiter=threads)
    client = Client("http://bookchorus", transport=Within(request.app, caller_of(request)))
    return _Answer(server.serve_http, client, threads)


class _Answer(Response):
    """The answer that the library sends itself."""

    def __init__(self, serve_http: Any, client: Client, threads: CapacityLimiter) -> None:
        super().__init__()
        self._serve = serve_http
        self._client = client
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(self._client, self._threads, scope, receive, send)


def _server() -> Any:
    from app.mcp import server

    return server

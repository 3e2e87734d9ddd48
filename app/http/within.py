"""Calls that the service makes to itself, for a caller whom it has let in."""

import httpx
from anyio import from_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.callers import Caller, let_in


class Within(httpx.BaseTransport):
    """Carries the requests of a client to the application in this process, as those of a caller.

    To be used on a thread of anyio's: the application answers on the event loop that has started it.
    """

    def __init__(self, app: ASGIApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, with its whole body at once."""
        request.read()
        return from_thread.run(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        # The application makes a problem of every error, and logs it.
        transport = httpx.ASGITransport(self._as_caller, raise_app_exceptions=False)
        answer = await transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    async def _as_caller(self, scope: Scope, receive: Receive, send: Send) -> None:
        let_in(scope, self._caller)
        await self._app(scope, receive, send)

"""The end of a service: requests that came before it are answered, and those that come after are refused."""

from dataclasses import dataclass
from threading import Event

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.engine.errors import EngineClosedError
from app.http.callers import let_in_before
from app.http.problems import as_problem, respond

# Who asks these wants to hear that the service ends.
_ALWAYS_ANSWERED = ("/livez", "/readyz")


@dataclass
class Drain:
    """How many requests are being answered, and whether the service is `leaving`."""

    leaving: Event
    in_flight: int = 0


class Draining:
    """Counts requests; refuses new ones with 503 and `Retry-After` once the service is leaving.

    The calls that a request makes within this process are part of it.
    """

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._drain.leaving.is_set() and let_in_before(scope) is None:
            await respond(Request(scope), as_problem(EngineClosedError()))(scope, receive, send)
            return
        self._drain.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._drain.in_flight -= 1

"""What is seen of requests from outside: their ids, a line in the log for each, and their figures."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.figures import Figures
from app.telemetry.logs import about

REQUEST_ID = "X-Request-ID"
# An id of the caller's is taken where it can be in a log and a header as it is.
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# What no route took: refused before, or of no path that there is.
_NONE = "none"

log = logging.getLogger(__name__)


class Watched:
    """Gives each request an id, the caller's own where that is sane, and returns it with the response.

    At its end it is counted by its route, never by what was sent, and logged, at the level info, with its
    path and without its query.
    """

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SANE.fullmatch(given) else f"request_{uuid.uuid4().hex[:16]}"
        began, status = time.monotonic(), 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with about(request_id=request_id):
            try:
                await self._app(scope, receive, named)
            finally:
                self._ended(scope, status, time.monotonic() - began)

    def _ended(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", _NONE)
        self._figures.requested(scope["method"], route, status, seconds)
        if log.isEnabledFor(logging.INFO):
            # As it was sent, in ASCII: what it stands for may end the line.
            path = scope["raw_path"].decode("ascii", "replace")[:500]
            caller = getattr(scope.get("state", {}).get("caller"), "name", None)
            told = {"method": scope["method"], "path": path, "status": status, "seconds": round(seconds, 4)}
            log.info("%(method)s %(path)s %(status)d %(seconds).3f s", told, extra={**told, "caller": caller})

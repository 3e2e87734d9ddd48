"""The cap on a request's body, declared or not."""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Refuses a body of more than `most_bytes` with 413, as soon as it is known to be too large.

    The routes whose whole paths match `but` limit their bodies themselves.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, but: re.Pattern[str]) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._but = but

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count the bytes of its body."""
        if scope["type"] != "http" or self._but.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        known = int(declared) if declared.isdigit() else 0
        read = 0

        async def watched() -> Message:
            nonlocal read
            if known > self._most_bytes:
                raise self._refusal()
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise self._refusal()
            return message

        await self._app(scope, watched, send)

    def _refusal(self) -> HTTPException:
        return HTTPException(413, f"A book may have {self._most_bytes} bytes; this body has more.")

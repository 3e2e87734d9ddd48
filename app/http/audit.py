"""Which requests the audit log has, and how they get there."""

import logging

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http import roles
from app.http.callers import Caller
from store import audit
from store.database import Database
from store.errors import StoreError
from store.tables import AuditLine

_log = logging.getLogger(__name__)
_PATH_LENGTH = 500


class Audit:
    """Writes down who changed what, who read what is the administrator's, who asked for what is not theirs.

    A line is written before the answer is sent. Lines are kept for so many `days`, 0 for ever. Where the
    store takes no line, the log says so and the request goes on.
    """

    def __init__(self, app: ASGIApp, database: Database, days: int) -> None:
        self._app = app
        self._database = database
        self._days = days
        self._threads = CapacityLimiter(4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> None:
        """Pass a request on, and write down what came of it."""
        wanted = roles.changes(scope["method"], scope["path"]) or scope["path"].startswith("/admin/")

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                if wanted or (status == 404 and caller.key is not None):
                    await self.note(scope, caller, status)
            await send(message)

        await self._app(scope, receive, heard)

    async def note(self, scope: Scope, caller: Caller, status: int) -> None:
        """Write down a request that ended so."""
        await to_thread.run_sync(self._write, scope, caller, status, limiter=self._threads)

    def _write(self, scope: Scope, caller: Caller, status: int) -> None:
        # As it was sent, in ASCII: what it stands for may be text that cannot be kept.
        path = scope["raw_path"].decode("ascii", "replace")[:_PATH_LENGTH]
        line = AuditLine(
            who=caller.name,
            key_id=caller.key,
            role=caller.role,
            method=scope["method"][:16],
            path=path,
            status=status,
        )
        try:
            with self._database.write() as session:
                audit.add(session, line, days=self._days)
        except StoreError as error:
            _log.warning("not in the audit log: %s %s of %s: %s", line.method, path, caller.name, error)

"""Whether a request is let in: decided from its headers alone, before a byte of its body is read."""

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http import roles
from app.http.body_sizes import BodySizes
from app.http.callers import ANYBODY, Caller, Callers
from app.http.origins import refuse_foreign
from app.http.problems import Problem, as_problem, respond
from app.service import Service
from store.errors import StoreError


class Access:
    """Refuses requests of foreign origin, without a key in force, of too low a role, or that are too large.

    The caller of one that is let in is in the request's state, see `callers.caller_of`.
    """

    def __init__(self, app: ASGIApp, service: Service, sizes: BodySizes) -> None:
        self._app = app
        self._callers = Callers(service.settings, service.database)
        self._origins = service.settings.origins
        self._sizes = sizes
        # Not the threads on which asks wait: a wrong key is refused at once however many these are.
        self._threads = CapacityLimiter(4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with the problem that it has."""
        if scope["type"] != "http" or scope["path"] in roles.HEALTH:
            await self._app(scope, receive, send)
            return
        try:
            caller = await to_thread.run_sync(self._let_in, scope, limiter=self._threads)
        except (Problem, StoreError) as error:
            problem = error if isinstance(error, Problem) else as_problem(error)
            await respond(Request(scope), problem)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    def _let_in(self, scope: Scope) -> Caller:
        """Who calls. Raises Problem where they may not make this call, StoreError where that is not known."""
        headers = Headers(scope=scope)
        least = roles.needed(scope["method"], scope["path"])
        if not self._callers.guarded():
            refuse_foreign(scope, self._origins)
            caller = ANYBODY
        elif least is None:
            caller = Caller("nobody", "reader")
        else:
            caller = self._callers.caller(headers.get("authorization"))
            if not roles.suffices(caller.role, least):
                raise Problem(
                    403, "role-too-low", f"This call takes the key of a {least}; this is a {caller.role}'s."
                )
        self._sizes.refuse_larger(scope["path"], headers.get("content-length"))
        return caller

"""Whether a request is let in: decided from its headers alone, before a byte of its body is read."""

import math

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http import roles
from app.http.audit import Audit
from app.http.body_sizes import BodySizes
from app.http.callers import ANYBODY, NOBODY, Caller, Callers, let_in, let_in_before
from app.http.origins import refuse_foreign
from app.http.problems import Problem, as_problem, respond
from app.http.rates import Rates
from app.service.service import Service
from store.errors import StoreError


class Access:
    """Refuses requests of foreign origin, without a key in force, of too low a role, too many, or too large.

    The caller of one that is let in is in the request's state, see `callers.caller_of`.
    """

    def __init__(self, app: ASGIApp, service: Service, sizes: BodySizes) -> None:
        self._app = app
        self._callers = Callers(service.settings, service.database)
        self._origins = service.settings.origins
        self._sizes = sizes
        self._rates = Rates()
        self._audit = Audit(app, service.database, service.settings.audit_days)
        # Not the threads on which asks wait: a wrong key is refused at once however many these are.
        self._threads = CapacityLimiter(4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with the problem that it has."""
        if scope["type"] != "http" or scope["path"] in roles.HEALTH:
            await self._app(scope, receive, send)
            return
        within = let_in_before(scope)
        try:
            caller = (
                await to_thread.run_sync(self._caller, scope, limiter=self._threads)
                if within is None
                else within
            )
        except (Problem, StoreError) as error:
            await _answer(error, scope, receive, send)
            return
        try:
            _expect_role(scope, caller)
            # A call that a request makes within this process is counted with that request.
            if within is None:
                self._let_in(scope, caller)
        except Problem as problem:
            if problem.status == 403:
                await self._audit.note(scope, caller, problem.status)
            await _answer(problem, scope, receive, send)
            return
        let_in(scope, caller)
        await self._audit(scope, receive, send, caller)

    def _caller(self, scope: Scope) -> Caller:
        """Who calls. Raises Problem where they are nobody, StoreError where that is not known."""
        if not self._callers.guarded():
            refuse_foreign(scope, self._origins)
            return ANYBODY
        if roles.needed(scope["method"], scope["path"]) is None:
            return NOBODY
        return self._callers.caller(Headers(scope=scope).get("authorization"))

    def _let_in(self, scope: Scope, caller: Caller) -> None:
        """Raise Problem where the caller may not make this call now, or not with this body."""
        if caller.key is not None and caller.requests_per_minute is not None:
            wait = self._rates.wait(caller.key, caller.requests_per_minute)
            if wait:
                raise Problem(
                    429,
                    "rate-exceeded",
                    f"This key may make {caller.requests_per_minute} requests a minute: wait.",
                    {"Retry-After": str(math.ceil(wait))},
                    limit=caller.requests_per_minute,
                )
        self._sizes.refuse_larger(scope["path"], Headers(scope=scope).get("content-length"))


def _expect_role(scope: Scope, caller: Caller) -> None:
    """Raise Problem where a call takes another role than the caller's."""
    least = roles.needed(scope["method"], scope["path"])
    if least is not None and not roles.suffices(caller.role, least):
        raise Problem(
            403, "role-too-low", f"This call takes the key of a {least}; this is a {caller.role}'s."
        )


async def _answer(error: Problem | StoreError, scope: Scope, receive: Receive, send: Send) -> None:
    problem = error if isinstance(error, Problem) else as_problem(error)
    await respond(Request(scope), problem)(scope, receive, send)

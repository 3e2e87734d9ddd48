"""What routes depend on. It is asynchronous: else it would wait for a thread where asks hold them all."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from app.http.callers import Caller, caller_of
from app.http.problems import refuse_unkept
from app.service.service import Service
from app.telemetry.logs import is_about
from store import books, jobs, passages, threads


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


ServiceDep = Annotated[Service, Depends(_service)]
CallerDep = Annotated[Caller, Depends(_caller)]

# The parts of a path that have an owner, and what raises NotFoundError where they are not there for a caller.
_OWNED: dict[str, Callable[[Session, str, Caller], object]] = {
    "book_id": lambda session, id_, caller: books.get(session, id_, caller.sees),
    "job_id": lambda session, id_, caller: jobs.get(session, id_, caller.sees),
    # Python takes no more digits than 4,300 for a number.
    "passage_id": lambda session, id_, caller: passages.get(session, int(id_[:4300]), caller.sees),
    # Whatever their role: what somebody asks is nobody else's.
    "thread_id": lambda session, id_, caller: threads.get(session, id_, caller.owner),
}

# It decides nothing, `Access` has: it tells programs that read the description of the API about keys.
KEY = HTTPBearer(auto_error=False)


async def text_is_kept(request: Request) -> None:
    """Refuse a path or a query with text that cannot be kept; bodies are checked as they are read."""
    query = request.query_params
    refuse_unkept(path=request.path_params, query={name: query.getlist(name) for name in query})


async def is_the_callers(request: Request) -> None:
    """Raise NotFoundError where the path names a book, job, passage or thread that is not there, or not for
    the caller.

    Both read the same, and every route with such a path asks: none of them has to think of it.
    """
    named = {name: id_ for name, id_ in request.path_params.items() if name in _OWNED}
    is_about(**{name: id_ for name, id_ in named.items() if name in ("book_id", "job_id")})
    if named:
        await run_in_threadpool(_expect, request.app.state.service, caller_of(request), named)


def _expect(service: Service, caller: Caller, named: dict[str, str]) -> None:
    with service.database.read() as session:
        for name, id_ in named.items():
            # What is no number is refused by its shape.
            if name != "passage_id" or (id_.isascii() and id_.isdecimal()):
                _OWNED[name](session, id_, caller)

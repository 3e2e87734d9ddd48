"""What routes depend on. It is asynchronous: else it would wait for a thread where asks hold them all."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from app.http.callers import Caller, caller_of
from app.http.problems import refuse_unkept
from app.service import Service
from app.telemetry.logs import is_about
from store import books, jobs, passages, threads
from store.errors import NotFoundError


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


ServiceDep = Annotated[Service, Depends(_service)]
CallerDep = Annotated[Caller, Depends(_caller)]

# The parts of a path whose book has an owner, and how that book's id is found.
_OWNED: dict[str, Callable[[Session, str], str]] = {
    "book_id": lambda _, id_: id_,
    "job_id": lambda session, id_: jobs.get(session, id_).book_id,
    "passage_id": lambda session, id_: passages.get(session, int(id_[:20])).book_id,
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
    named = {name: id_ for name, id_ in request.path_params.items() if name in (*_OWNED, "thread_id")}
    is_about(**{name: id_ for name, id_ in named.items() if name in ("book_id", "job_id")})
    if named:
        await run_in_threadpool(_expect, request.app.state.service, caller_of(request), named)


def _expect(service: Service, caller: Caller, named: dict[str, str]) -> None:
    with service.database.read() as session:
        for name, id_ in named.items():
            if name == "thread_id":
                # Whatever their role: what somebody asks is nobody else's.
                threads.get(session, id_, caller.owner)
                continue
            # What is no number is refused by its shape.
            if name == "passage_id" and not (id_.isascii() and id_.isdecimal()):
                continue
            try:
                books.get(session, _OWNED[name](session, id_), caller.sees)
            except NotFoundError as error:
                raise NotFoundError(name.removesuffix("_id"), id_) from error

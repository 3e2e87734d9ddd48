"""What routes depend on. It is asynchronous: else it would wait for a thread where asks hold them all."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from app.http.callers import Caller, caller_of
from app.http.problems import refuse_unkept
from app.service import Service
from app.telemetry.logs import is_about
from store import books, jobs, threads
from store.errors import NotFoundError


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def _caller(request: Request) -> Caller:
    return caller_of(request)


ServiceDep = Annotated[Service, Depends(_service)]
CallerDep = Annotated[Caller, Depends(_caller)]

# It decides nothing, `Access` has: it tells programs that read the description of the API about keys.
KEY = HTTPBearer(auto_error=False)


async def text_is_kept(request: Request) -> None:
    """Refuse a path or a query with text that cannot be kept; bodies are checked as they are read."""
    query = request.query_params
    refuse_unkept(path=request.path_params, query={name: query.getlist(name) for name in query})


async def is_the_callers(request: Request) -> None:
    """Raise NotFoundError where the path names a book, job or thread that is not there, or not the caller's.

    Both read the same, and every route with such a path asks: none of them has to think of it.
    """
    names = ("book_id", "job_id", "thread_id")
    book_id, job_id, thread_id = (request.path_params.get(name) for name in names)
    is_about(**{name: id_ for name, id_ in (("book_id", book_id), ("job_id", job_id)) if id_ is not None})
    if (book_id, job_id, thread_id) != (None, None, None):
        caller = caller_of(request)
        await run_in_threadpool(_expect, request.app.state.service, caller, book_id, job_id, thread_id)


def _expect(
    service: Service, caller: Caller, book_id: str | None, job_id: str | None, thread_id: str | None
) -> None:
    owner = caller.sees
    with service.database.read() as session:
        if book_id is not None:
            books.get(session, book_id, owner)
        if job_id is not None:
            try:
                books.get(session, jobs.get(session, job_id).book_id, owner)
            except NotFoundError as error:
                raise NotFoundError("job", job_id) from error
        if thread_id is not None:
            # Whatever their role: what somebody asks is nobody else's.
            threads.get(session, thread_id, caller.owner)

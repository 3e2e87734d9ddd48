"""Routes for jobs: list, show, follow, cancel."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.sse import format_sse_event
from sqlalchemy.orm import Session

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.paging import PAGE, Limit
from app.http.serializers import records
from app.service.service import Service
from store import books, jobs
from store.job_events import list_events
from store.tables import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])

# How often a waiting answer looks at the database, which other processes may write to.
_LOOK_SECONDS = 0.25
# A comment this often keeps proxies from closing a quiet stream.
_KEEP_ALIVE_SECONDS = 15.0
_EVENTS = 100


@router.get("")
def list_jobs(
    service: ServiceDep,
    caller: CallerDep,
    status: Annotated[list[schemas.JobStatus] | None, Query()] = None,
    book: str | None = None,
    after: str | None = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Job]:
    """List the jobs of all books that the caller sees, newest first: all, or those of a `book` and with any
    `status` given.
    """
    with service.database.read() as session:
        rows, has_more = jobs.list_jobs(
            session, book_id=book, statuses=status, owner=caller.sees, after=after, limit=limit
        )
        return schemas.Page(data=shown(service, session, rows), has_more=has_more)


@router.get("/{job_id}")
def show_job(service: ServiceDep, job_id: str) -> schemas.Job:
    """Show a job and how far it is."""
    with service.database.read() as session:
        [job] = shown(service, session, [jobs.get(session, job_id)])
        return job


@router.get(
    "/{job_id}/events",
    responses={200: {"model": schemas.Page[schemas.JobEvent], "content": {"text/event-stream": {}}}},
)
async def job_events(
    request: Request,
    service: ServiceDep,
    job_id: str,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = _EVENTS,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**31)] = None,
) -> Response:
    """List a job's events, oldest first; with `Accept: text/event-stream` follow them until the job ends."""
    start = last_event_id or after
    page, has_more, _ = await run_in_threadpool(_read, service, job_id, start, limit)
    if "text/event-stream" not in request.headers.get("accept", ""):
        shown = schemas.Page[schemas.JobEvent](data=page, has_more=has_more)
        return JSONResponse(shown.model_dump(mode="json"))
    return StreamingResponse(_stream(service, job_id, start), media_type="text/event-stream")


@router.post("/{job_id}/cancel")
def cancel_job(service: ServiceDep, job_id: str) -> schemas.Job:
    """Cancel a job: at once when it waits, at its next step when it runs. An ended job stays as it is."""
    with service.database.write() as session:
        [job] = shown(service, session, [jobs.cancel(session, job_id)])
    service.call_worker()
    return job


def shown(service: Service, session: Session, rows: Sequence[Job]) -> list[schemas.Job]:
    """The jobs in the shape of the API, with their books' titles."""
    titles = books.titles(session, {row.book_id for row in rows})
    model, works = service.engine.identity.id, service.has_worker(session)
    return [records.job(row, titles[row.book_id], model, working=works) for row in rows]


async def until_ended(service: Service, job_id: str, seconds: float) -> None:
    """Return when the job has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not service.leaving.is_set():
        _, _, ended = await run_in_threadpool(_read, service, job_id, 0, 1)
        if ended:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _stream(service: Service, job_id: str, after: int) -> AsyncIterator[bytes]:
    quiet_since = time.monotonic()
    while True:
        page, has_more, ended = await run_in_threadpool(_read, service, job_id, after, _EVENTS)
        for event in page:
            after = event.id
            quiet_since = time.monotonic()
            yield format_sse_event(data_str=event.model_dump_json(), event=event.type, id=str(event.id))
        if (ended and not has_more) or service.leaving.is_set():
            return
        if time.monotonic() - quiet_since > _KEEP_ALIVE_SECONDS:
            quiet_since = time.monotonic()
            yield format_sse_event(comment="still here")
        if not has_more:
            await asyncio.sleep(_LOOK_SECONDS)


def _read(service: Service, job_id: str, after: int, limit: int) -> tuple[list[schemas.JobEvent], bool, bool]:
    """Events after one, whether there are more, and whether the job had ended before they were read."""
    with service.database.read() as session:
        ended = jobs.get(session, job_id).status in schemas.ENDED
        rows, has_more = list_events(session, job_id, after, limit)
        return [records.event(row) for row in rows], has_more, ended

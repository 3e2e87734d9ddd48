"""Routes for threads: begun, listed, searched, shown, named, deleted, and sent as Markdown."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.paging import PAGE, Limit
from app.http.serializers import threads as shapes
from app.http.serializers.thread_markdown import markdown
from store import threads
from store.passages import book_ids_of_passages
from store.tables import Thread

router = APIRouter(prefix="/threads", tags=["threads"])

_MARKDOWN = "text/markdown"


class _MarkdownResponse(Response):
    media_type = _MARKDOWN


@router.post("", status_code=201)
def begin_thread(
    service: ServiceDep, caller: CallerDep, response: Response, wish: schemas.NewThread
) -> schemas.Thread:
    """Begin a thread, to be named in `POST /ask`. That call can also begin one itself."""
    title = shapes.title_of(wish.title)
    with service.database.write() as session:
        row = threads.begin(session, caller.owner, title, shapes.words_of(title))
        response.headers["Location"] = f"/threads/{row.id}"
        return _shown(session, row)


@router.get("")
def list_threads(
    service: ServiceDep,
    caller: CallerDep,
    query: Annotated[str, Query(max_length=200)] = "",
    after: str | None = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Thread]:
    """List the owner's threads, newest first: all, or those with all words of a `query`, or words that begin
    so, in their titles, questions and answers.
    """
    with service.database.read() as session:
        rows, has_more = threads.list_threads(session, caller.owner, shapes.words_of(query), after, limit)
        outlines = threads.outlines(session, rows)
        shown = [shapes.thread(row, outlines[row.id]) for row in rows]
        return schemas.Page(data=shown, has_more=has_more)


@router.get("/{thread_id}")
def show_thread(service: ServiceDep, caller: CallerDep, thread_id: str) -> schemas.WholeThread:
    """Show a thread with its questions and answers, oldest first."""
    with service.database.read() as session:
        return _whole(session, thread_id, caller.owner)


@router.get(
    "/{thread_id}/export",
    response_class=_MarkdownResponse,
    responses={200: {"content": {_MARKDOWN: {"schema": {"type": "string"}}}}},
)
def export_thread(service: ServiceDep, caller: CallerDep, thread_id: str) -> _MarkdownResponse:
    """Send a thread as Markdown, each answer with the sentences that say it and where they stand."""
    with service.database.read() as session:
        found = _whole(session, thread_id, caller.owner)
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.md"'}
    return _MarkdownResponse(markdown(found), headers=headers)


@router.patch("/{thread_id}")
def rename_thread(
    service: ServiceDep, caller: CallerDep, thread_id: str, wish: schemas.RenameThread
) -> schemas.Thread:
    """Give a thread another title."""
    title = shapes.title_of(wish.title)
    with service.database.write() as session:
        return _shown(
            session, threads.rename(session, thread_id, caller.owner, title, shapes.words_of(title))
        )


@router.delete("/{thread_id}", status_code=204)
def delete_thread(service: ServiceDep, caller: CallerDep, thread_id: str) -> None:
    """Delete a thread with its questions and answers."""
    with service.database.write() as session:
        threads.delete(session, thread_id, caller.owner)


def _shown(session: Session, row: Thread) -> schemas.Thread:
    return shapes.thread(row, threads.outlines(session, [row])[row.id])


def _whole(session: Session, thread_id: str, owner: str) -> schemas.WholeThread:
    row = threads.get(session, thread_id, owner)
    turns = threads.turns(session, thread_id)
    there = book_ids_of_passages(session, sorted(shapes.cited(turns)))
    return shapes.whole(row, threads.outlines(session, [row])[row.id], turns, there)

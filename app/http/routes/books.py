"""Routes for books: upload, list, show, edit, remove."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app import schemas
from app.http.callers import Caller
from app.http.deps import CallerDep, ServiceDep
from app.http.paging import PAGE, Limit
from app.http.routes.jobs import shown as jobs_shown
from app.http.routes.jobs import until_ended
from app.http.serializers import records
from app.http.upload import Upload, edited, read_upload
from app.http.upload_room import UploadRoomDep
from app.service.service import Service
from store import books, jobs, keys
from store.tables import Book
from trainer.recipe import Recipe

router = APIRouter(tags=["books"])

# How long an upload waits for its words to be indexed, so that most books are found once it is answered.
_INDEX_SECONDS = 0.5

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "txt, md, html, epub, pdf or docx"},
        "title": {"type": "string"},
        "author": {"type": "string"},
        "language": {"type": "string", "description": "its BCP 47 tag, such as en"},
        "tags": {"type": "string", "description": "tags with commas between them"},
        "recipe": {"type": "string", "description": "a recipe as JSON"},
    },
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/json": {"schema": schemas.JsonBook.model_json_schema()},
        },
    }
}

# The response to bytes that are here already.
KNOWN: dict[int | str, dict[str, Any]] = {200: {"model": schemas.AddedBook}}


@router.post("/books", status_code=202, openapi_extra=BODY, responses=KNOWN)
async def add_book(
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: CallerDep,
    room: UploadRoomDep,
    wait: Annotated[float, Query(ge=0, le=3600)] = 0,
) -> schemas.AddedBook:
    """Upload a book and learn its chorus. The same bytes again are the same book (200), which gets the title,
    author and tags that come with them now.

    `wait` holds the answer back until the job has ended, for at most so many seconds.
    """
    upload = await read_upload(request, service.parser, room)
    kept = await room.run(partial(_add, service, caller, upload))
    return await learning(service, response, kept, wait)


@router.get("/books")
def list_books(
    service: ServiceDep,
    caller: CallerDep,
    author: Annotated[list[str] | None, Query()] = None,
    tag: Annotated[list[str] | None, Query()] = None,
    sha256: Annotated[list[str] | None, Query(max_length=100)] = None,
    after: str | None = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Book]:
    """List the library's books, newest first: all, or those by any `author` and with any `tag` given.

    With `sha256`, those of the caller's own library whose file has one of these hashes: what sending that
    file would find. An administrator who sees all books adds to one library alone.
    """
    owner = caller.sees if sha256 is None else caller.owner
    with service.database.read() as session:
        rows, has_more = books.list_books(
            session, after, limit, authors=author, tags=tag, sha256=sha256, owner=owner
        )
        latest = jobs.latest(session, [row.id for row in rows])
        shown = [records.book(row, latest.get(row.id), service.index.embedder) for row in rows]
        return schemas.Page(data=shown, has_more=has_more)


@router.get("/books/{book_id}")
def show_book(service: ServiceDep, book_id: str) -> schemas.Book:
    """Show one book."""
    with service.database.read() as session:
        return _shown(service, session, books.get(session, book_id))


@router.patch("/books/{book_id}")
def edit_book(service: ServiceDep, book_id: str, wish: schemas.EditBook) -> schemas.Book:
    """Give a book another title, author, language or tags. What is left out stays."""
    named = edited(wish)
    with service.database.write() as session:
        book = books.get(session, book_id)
        books.describe(session, book, **named)
        return _shown(service, session, book)


@router.delete("/books/{book_id}", status_code=204)
def remove_book(service: ServiceDep, book_id: str) -> None:
    """Remove a book with all that was learned from it."""
    with service.database.write() as session:
        books.delete(session, book_id)
    service.index.follow()


@dataclass(frozen=True)
class Kept:
    """What became of an upload: whether its text is `new`, else what it `updated` of a book that is known."""

    book_id: str
    job_id: str | None
    new: bool
    updated: Sequence[str] = ()


async def learning(service: Service, response: Response, kept: Kept, wait: float) -> schemas.AddedBook:
    """The response to an upload. A new text is found by its words as soon as these are indexed, and is
    embedded and learned by a worker; for a known one the status is 200.
    """
    if kept.new:
        service.call_worker()
        await _indexed(service)
    else:
        response.status_code = 200
    if kept.job_id is not None:
        response.headers["Location"] = f"/jobs/{kept.job_id}"
        await until_ended(service, kept.job_id, wait)
    return await run_in_threadpool(_added, service, kept)


async def _indexed(service: Service) -> None:
    """Wait a moment, on no thread, until the words of what was stored are indexed."""
    indexed = asyncio.wrap_future(service.index.follow())
    # The index itself tells what went wrong with it.
    indexed.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.wait([indexed], timeout=_INDEX_SECONDS)


def known(session: Session, book: Book, given: Mapping[str, Any]) -> Kept:
    """What becomes of an upload of a text that a book has already: the book gets what is `given` with it."""
    latest = jobs.latest(session, [book.id]).get(book.id)
    updated = books.describe(session, book, **given)
    return Kept(book.id, None if latest is None else latest.id, False, updated)


def _add(service: Service, caller: Caller, upload: Upload) -> Kept:
    """Store the book with its job in one transaction, so that there is never one without the other."""
    recipe = service.training.recipe(upload.recipe)
    edition = upload.edition(service.engine.token_counter(), service.settings.max_book_passages)
    tokens = tokens_to_read(service, caller, recipe, upload.parsed.text)
    with service.database.write() as session:
        book, created = books.add(
            session,
            edition,
            title=upload.title,
            author=upload.author,
            language=upload.language,
            tags=upload.tags,
            owner=caller.owner,
        )
        if not created:
            return known(session, book, upload.named)
        job = service.training.queue(session, book.id, recipe)
        keys.charge(session, caller.key, training_tokens=tokens)
        return Kept(book.id, job.id, True)


def tokens_to_read(service: Service, caller: Caller, recipe: Recipe, text: str) -> int:
    """The most tokens of a text that a member reads by a recipe; 0 where the caller's key counts none."""
    if not caller.counts_tokens:
        return 0
    return recipe.budget_tokens or math.ceil(recipe.epochs * service.engine.token_counter()(text))


def _added(service: Service, kept: Kept) -> schemas.AddedBook:
    with service.database.read() as session:
        job = None
        if kept.job_id is not None:
            [job] = jobs_shown(service, session, [jobs.get(session, kept.job_id)])
        book = _shown(service, session, books.get(session, kept.book_id))
        return schemas.AddedBook(book=book, job=job, updated=list(kept.updated))


def _shown(service: Service, session: Session, row: Book) -> schemas.Book:
    return records.book(row, jobs.latest(session, [row.id]).get(row.id), service.index.embedder)

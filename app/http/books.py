"""Routes for books: upload, list, show, remove, and learn another version."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import schemas
from app.http import present
from app.http.deps import AdminDep, ServiceDep
from app.http.jobs import until_ended
from app.http.problems import Problem, invalid
from app.http.upload import Upload, read_upload
from app.service import Service
from store import books, jobs, versions
from store import text as store_text
from store.errors import NotFound
from store.tables import Book
from trainer.recipe import Recipe

router = APIRouter(tags=["books"])

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "txt, md, html, epub, pdf or docx"},
        "title": {"type": "string"},
        "author": {"type": "string"},
        "tags": {"type": "string", "description": "tags with commas between them"},
        "recipe": {"type": "string", "description": "a recipe as JSON"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/json": {"schema": schemas.JsonBook.model_json_schema()},
        },
    }
}


@router.post("/books", status_code=202, openapi_extra=_BODY)
async def add_book(
    request: Request,
    response: Response,
    service: ServiceDep,
    wait: Annotated[float, Query(ge=0, le=3600)] = 0,
) -> schemas.AddedBook:
    """Upload a book and learn its chorus. The same bytes again are the same book, unchanged (200).

    `wait` holds the answer back until the job has ended, for at most so many seconds.
    """
    upload = await read_upload(request, service.parser)
    book_id, job_id, created = await run_in_threadpool(_add, service, upload)
    if created:
        service.worker.call()
        await run_in_threadpool(service.index.refresh)
    else:
        response.status_code = 200
    if job_id is not None:
        response.headers["Location"] = f"/jobs/{job_id}"
        await until_ended(service, job_id, wait)
    return await run_in_threadpool(_added, service, book_id, job_id)


@router.get("/books")
def list_books(
    service: ServiceDep,
    author: Annotated[list[str] | None, Query()] = None,
    tag: Annotated[list[str] | None, Query()] = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.Page[schemas.Book]:
    """List the library's books, newest first: all, or those by any `author` and with any `tag` given."""
    with service.database.read() as session:
        rows, has_more = books.list_books(session, after, limit, authors=author, tags=tag)
        latest = jobs.latest(session, [row.id for row in rows])
        shown = [present.book(row, latest.get(row.id)) for row in rows]
        return schemas.Page(data=shown, has_more=has_more)


@router.get("/books/{book_id}")
def show_book(service: ServiceDep, book_id: str) -> schemas.Book:
    """Show one book."""
    with service.database.read() as session:
        return _shown(session, books.get(session, book_id))


@router.delete("/books/{book_id}", status_code=204)
def remove_book(service: ServiceDep, book_id: str, _: AdminDep) -> None:
    """Remove a book with all that was learned from it."""
    with service.database.write() as session:
        books.delete(session, book_id)
    service.index.refresh()


@router.post("/books/{book_id}/versions", status_code=202)
def learn_version(
    service: ServiceDep, book_id: str, wish: schemas.NewVersion, response: Response, _: AdminDep
) -> schemas.AddedJob:
    """Learn another version, from scratch or from where version `parent` stands."""
    recipe = _recipe(service, wish.recipe)
    with service.database.write() as session:
        books.get(session, book_id)
        if wish.parent is not None:
            _check_parent(session, service, book_id, wish.parent, recipe)
        _check_room(session, service)
        job = jobs.enqueue(session, book_id=book_id, recipe=recipe.model_dump(), parent=wish.parent)
        shown = present.job(job, service.engine.llm.identity.id)
    service.worker.call()
    response.headers["Location"] = f"/jobs/{shown.id}"
    return schemas.AddedJob(job=shown)


def _add(service: Service, upload: Upload) -> tuple[str, str | None, bool]:
    """Store the book with its job in one transaction, so that there is never one without the other."""
    recipe = _recipe(service, upload.recipe)
    read = upload.parsed
    passages = store_text.passages(read.text, read.chapters, service.engine.llm.count_tokens)
    edition = books.Edition(
        read.text,
        upload.sha256,
        read.chapters,
        passages,
        pages=read.pages,
        format=read.format,
        filename=upload.filename,
    )
    with service.database.write() as session:
        book, created = books.add(
            session,
            edition,
            title=upload.title,
            author=upload.author,
            language=read.language,
            tags=upload.tags,
        )
        if not created:
            latest = jobs.latest(session, [book.id]).get(book.id)
            return book.id, None if latest is None else latest.id, False
        _check_room(session, service)
        job = jobs.enqueue(session, book_id=book.id, recipe=recipe.model_dump(), parent=None)
        return book.id, job.id, True


def _added(service: Service, book_id: str, job_id: str | None) -> schemas.AddedBook:
    model = service.engine.llm.identity.id
    with service.database.read() as session:
        job = None if job_id is None else present.job(jobs.get(session, job_id), model)
        return schemas.AddedBook(book=_shown(session, books.get(session, book_id)), job=job)


def _shown(session: Session, row: Book) -> schemas.Book:
    return present.book(row, jobs.latest(session, [row.id]).get(row.id))


def _recipe(service: Service, wish: dict[str, Any] | None) -> Recipe:
    """The recipe asked for, with the service's time limit where it has no limit of its own."""
    try:
        recipe = Recipe(**(wish or {}))
    except ValidationError as error:
        raise invalid("invalid-recipe", error) from error
    context = service.engine.llm.context_tokens
    if recipe.virtual_tokens + recipe.row_tokens > context:
        detail = (
            f"virtual_tokens and row_tokens together are more than the LLM's context of {context} tokens."
        )
        raise Problem(422, "invalid-recipe", detail, limit_tokens=context)
    if recipe.budget_seconds is None and recipe.budget_tokens is None:
        return recipe.model_copy(update={"budget_seconds": float(service.settings.budget_seconds)})
    return recipe


def _check_parent(session: Session, service: Service, book_id: str, parent: int, recipe: Recipe) -> None:
    try:
        version = versions.get(session, book_id, parent)
    except NotFound as error:
        raise Problem(422, "no-such-parent", f"The book has no version {parent} to continue from.") from error
    if not service.choruses.fits(version):
        raise Problem(422, "parent-of-other-model", f"Version {parent} was learned on another LLM.")
    shape = (len(version.members), version.recipe.get("virtual_tokens"))
    if shape != (recipe.members, recipe.virtual_tokens):
        detail = f"Version {parent} has {shape[0]} members of {shape[1]} virtual tokens: ask for the same."
        raise Problem(422, "invalid-recipe", detail)


def _check_room(session: Session, service: Service) -> None:
    most = service.settings.max_queued_jobs
    if jobs.count(session, "queued") >= most:
        raise Problem(
            503,
            "queue-full",
            f"{most} jobs wait already: try later.",
            headers={"Retry-After": "60"},
            limit=most,
        )

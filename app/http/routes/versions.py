"""Routes for the versions of books: learning another one, lists of them, pruning."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.orm import Session

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.paging import PAGE, Limit
from app.http.routes import jobs
from app.http.routes.books import tokens_to_read
from app.http.serializers import records
from app.service.service import Service
from store import books, keys, pruning, revisions, versions
from store.tables import Version

router = APIRouter()


@router.post("/books/{book_id}/versions", status_code=202, tags=["books"])
def learn_version(
    service: ServiceDep, caller: CallerDep, book_id: str, wish: schemas.NewVersion, response: Response
) -> schemas.AddedJob:
    """Learn another version: from scratch, from where version `parent` stands, or appended to it."""
    parent = None if wish.parent is None else service.training.parent(book_id, wish.parent)
    recipe = service.training.recipe(wish.recipe, parent)
    with service.database.read() as session:
        text = revisions.text(session, book_id) if caller.counts_tokens else ""
    tokens = tokens_to_read(service, caller, recipe, text)
    with service.database.write() as session:
        job = service.training.queue(session, book_id, recipe, parent, force=wish.force)
        keys.charge(session, caller.key, training_tokens=tokens)
        [added] = jobs.shown(service, session, [job])
    service.call_worker()
    response.headers["Location"] = f"/jobs/{added.id}"
    return schemas.AddedJob(job=added)


@router.get("/admin/prompts", tags=["admin"])
def list_prompts(
    service: ServiceDep,
    caller: CallerDep,
    book: str | None = None,
    base_model: str | None = None,
    alias: str | None = None,
    state: schemas.VersionState | None = None,
    after: str | None = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.PromptVersion]:
    """List prompt versions of all books that the caller sees, newest first."""
    with service.database.read() as session:
        rows, has_more = versions.list_versions(
            session,
            book_id=book,
            base_model=base_model,
            alias=alias,
            state=state,
            owner=caller.sees,
            after=after,
            limit=limit,
        )
        return schemas.Page(data=shown(service, session, rows), has_more=has_more)


@router.get("/admin/books/{book_id}/versions", tags=["admin"])
def list_versions(
    service: ServiceDep, book_id: str, after: str | None = None, limit: Limit = PAGE
) -> schemas.Page[schemas.PromptVersion]:
    """List one book's prompt versions, newest first."""
    with service.database.read() as session:
        books.get(session, book_id)
        rows, has_more = versions.list_versions(session, book_id=book_id, after=after, limit=limit)
        return schemas.Page(data=shown(service, session, rows), has_more=has_more)


@router.get("/admin/books/{book_id}/versions/{ref}", tags=["admin"])
def show_version(service: ServiceDep, book_id: str, ref: str) -> schemas.PromptVersion:
    """Show one version, by number or alias, with the loss of each member at each step."""
    with service.database.read() as session:
        [version] = shown(service, session, [versions.get(session, book_id, ref)], curves=True)
        return version


@router.delete("/admin/books/{book_id}/versions/{ref}", tags=["admin"])
def prune_version(
    service: ServiceDep, book_id: str, ref: Annotated[int, Path(ge=1, lt=2**31)]
) -> schemas.PromptVersion:
    """Let go of the soft prompts of one version, by its number, that no alias is on; its record stays."""
    with service.database.write() as session:
        [version] = shown(service, session, [pruning.prune_version(session, book_id, ref)])
        return version


@router.post("/admin/books/{book_id}/prune", tags=["admin"])
def prune(service: ServiceDep, book_id: str, wish: schemas.Prune) -> schemas.Pruned:
    """Let go of the soft prompts of all versions but the last `keep` and those in use; their records stay."""
    with service.database.write() as session:
        return schemas.Pruned(book=book_id, versions=pruning.prune_versions(session, book_id, keep=wish.keep))


def shown(
    service: Service, session: Session, rows: Sequence[Version], *, curves: bool = False
) -> list[schemas.PromptVersion]:
    """The versions in the shape of the API, with their books' titles."""
    titles = books.titles(session, {row.book_id for row in rows})
    return [
        records.version(row, titles[row.book_id], service.members.refusal(row), curves=curves) for row in rows
    ]

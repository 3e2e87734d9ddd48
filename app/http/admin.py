"""Routes for those who run the service: every prompt version, and the aliases on them."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from app import schemas
from app.http import present
from app.http.deps import AdminDep, ServiceDep
from store import aliases, books, versions
from store.tables import Version

router = APIRouter(prefix="/admin", tags=["admin"])

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/prompts")
def list_prompts(
    service: ServiceDep,
    _: AdminDep,
    book: str | None = None,
    base_model: str | None = None,
    alias: str | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> schemas.Page[schemas.PromptVersion]:
    """List prompt versions of all books, newest first."""
    with service.database.read() as session:
        rows, has_more = versions.list_versions(
            session, book_id=book, base_model=base_model, alias=alias, after=after, limit=limit
        )
        return _page(session, rows, has_more)


@router.get("/books/{book_id}/versions")
def list_versions(
    service: ServiceDep, _: AdminDep, book_id: str, after: str | None = None, limit: Limit = 50
) -> schemas.Page[schemas.PromptVersion]:
    """List one book's prompt versions, newest first."""
    with service.database.read() as session:
        books.get(session, book_id)
        rows, has_more = versions.list_versions(session, book_id=book_id, after=after, limit=limit)
        return _page(session, rows, has_more)


@router.put("/books/{book_id}/aliases/{alias}")
def move_alias(
    service: ServiceDep, who: AdminDep, book_id: str, alias: str, move: schemas.MoveAlias
) -> schemas.AliasState:
    """Let an alias name a version: promote one, or roll back to one. Every move is kept."""
    with service.database.write() as session:
        aliases.move(session, book_id, alias, move.version, who=who, why=move.why)
        return _state(session, book_id, alias)


@router.delete("/books/{book_id}/aliases/{alias}")
def remove_alias(service: ServiceDep, who: AdminDep, book_id: str, alias: str) -> schemas.AliasState:
    """Remove an alias from the book; its history stays."""
    with service.database.write() as session:
        aliases.remove(session, book_id, alias, who=who, why=None)
        return _state(session, book_id, alias)


def _page(session: Session, rows: list[Version], has_more: bool) -> schemas.Page[schemas.PromptVersion]:
    titles = {book_id: books.get(session, book_id).title for book_id in {row.book_id for row in rows}}
    shown = [present.version(row, titles[row.book_id]) for row in rows]
    return schemas.Page(data=shown, has_more=has_more)


def _state(session: Session, book_id: str, alias: str) -> schemas.AliasState:
    moves = [
        schemas.AliasMove(
            alias=move.alias,
            from_version=move.from_number,
            to=move.to_number,
            who=move.who,
            why=move.why,
            at=present.unix(move.created_at),
        )
        for move in aliases.history(session, book_id)
        if move.alias == alias
    ]
    version = books.get(session, book_id).aliases.get(alias)
    return schemas.AliasState(book=book_id, alias=alias, version=version, history=moves)

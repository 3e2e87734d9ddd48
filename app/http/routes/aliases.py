"""Routes for the aliases of a book: where each points, promoting, rolling back, and every move."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.paging import PAGE, Limit
from app.http.serializers import records
from store import aliases, books

router = APIRouter(prefix="/admin/books/{book_id}/aliases", tags=["admin"])

After = Annotated[int | None, Query(ge=0, lt=2**31)]


@router.get("")
def show_aliases(
    service: ServiceDep, book_id: str, after: After = None, limit: Limit = PAGE
) -> schemas.BookAliases:
    """Show where a book's aliases point, and the moves of all, newest first."""
    with service.database.read() as session:
        moves, has_more = _moves(session, book_id, None, after, limit)
        named = books.get(session, book_id).aliases
        return schemas.BookAliases(book=book_id, aliases=named, history=moves, has_more=has_more)


@router.get("/{alias}")
def show_alias(
    service: ServiceDep, book_id: str, alias: str, after: After = None, limit: Limit = PAGE
) -> schemas.AliasState:
    """Show where an alias points, and its moves, newest first."""
    with service.database.read() as session:
        return _state(session, book_id, alias, after, limit)


@router.put("/{alias}")
def move_alias(
    service: ServiceDep, caller: CallerDep, book_id: str, alias: str, move: schemas.MoveAlias
) -> schemas.MovedAlias:
    """Point an alias to a version, and tell whether it `moved`: not where it points there already. Every
    move is kept in its history.

    `champion` goes to a version that did worse than the champion of its day only by `force`.
    """
    with service.database.write() as session:
        moved = aliases.move(
            session, book_id, alias, move.version, who=caller.name, why=move.why, force=move.force
        )
        return schemas.MovedAlias(**dict(_state(session, book_id, alias)), moved=moved)


@router.post("/{alias}/rollback")
def roll_back(
    service: ServiceDep, caller: CallerDep, book_id: str, alias: str, wish: schemas.Rollback | None = None
) -> schemas.AliasState:
    """Put an alias back where it was before its last move; each further rollback goes one move further back.

    Versions that were pruned meanwhile are passed over. To go forward again, move the alias.
    """
    with service.database.write() as session:
        aliases.rollback(session, book_id, alias, who=caller.name, why=wish.why if wish else None)
        return _state(session, book_id, alias)


@router.delete("/{alias}")
def remove_alias(service: ServiceDep, caller: CallerDep, book_id: str, alias: str) -> schemas.AliasState:
    """Remove an alias from the book; its history stays."""
    with service.database.write() as session:
        aliases.remove(session, book_id, alias, who=caller.name, why=None)
        return _state(session, book_id, alias)


def _state(
    session: Session, book_id: str, alias: str, after: int | None = None, limit: int = PAGE
) -> schemas.AliasState:
    moves, has_more = _moves(session, book_id, alias, after, limit)
    version = books.get(session, book_id).aliases.get(alias)
    return schemas.AliasState(book=book_id, alias=alias, version=version, history=moves, has_more=has_more)


def _moves(
    session: Session, book_id: str, alias: str | None, after: int | None, limit: int
) -> tuple[list[schemas.AliasMove], bool]:
    """A page of moves, and whether more follow."""
    found = aliases.history(session, book_id, alias, after=after, limit=limit + 1)
    return [records.move(each) for each in found[:limit]], len(found) > limit

"""Routes for passages: found by words, and read with their neighbours."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app import schemas
from app.answering.types import Scope
from app.http.deps import CallerDep, ServiceDep
from app.http.serializers import passages as serializer
from store import passages

router = APIRouter(prefix="/passages", tags=["ask"])


@router.get("")
def search_passages(
    service: ServiceDep,
    caller: CallerDep,
    query: str,
    book: Annotated[list[str] | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
) -> schemas.FoundPassages:
    """Find the passages that fit a query best, by meaning and words, without an answer; the best first.

    They are of each `book` that is named by its id, else of all books that the caller sees.
    """
    found = service.answering.search(query, limit, Scope(book or [], owner=caller.sees))
    return schemas.FoundPassages(data=[serializer.found(each) for each in found])


@router.get("/{passage_id}")
def show_passage(
    service: ServiceDep,
    passage_id: Annotated[int, Path(ge=1, lt=2**31)],
    around: Annotated[int, Query(ge=0, le=10)] = 1,
) -> schemas.PassageInContext:
    """Show a passage, and as many as `around` of those before and behind it."""
    with service.database.read() as session:
        row = passages.get(session, passage_id)
        ordinals = range(row.ordinal - around, row.ordinal + around + 1)
        there = passages.passages_at(session, row.book_id, ordinals)
        near = serializer.shown(session, row.book_id, [there[number] for number in sorted(there)])
    [at] = [number for number, each in enumerate(near) if each.id == row.id]
    return schemas.PassageInContext(passage=near[at], before=near[:at], after=near[at + 1 :])

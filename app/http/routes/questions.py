"""Routes for the questions that versions of a book learn from: the list of them, and changes to it."""

from typing import Annotated

from fastapi import APIRouter, Query

from app import schemas
from app.http.deps import ServiceDep
from app.http.paging import PAGE, Limit
from app.http.serializers.questions import change_of, shown
from app.training.question_changes import QuestionChanges
from store import questions

router = APIRouter(prefix="/books/{book_id}/questions", tags=["books"])


@router.get("")
def list_questions(
    service: ServiceDep,
    book_id: str,
    kind: str | None = None,
    source: schemas.QuestionSource | None = None,
    passage: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    revision: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    after: str | None = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Question]:
    """List the questions about a book's newest revision or another, in the order of their passages.

    All, or those of a `kind`, of a `source`, about the `passage` of this ordinal.
    """
    with service.database.read() as session:
        rows, has_more = questions.list_questions(
            session, book_id, after, limit, revision=revision, kind=kind, source=source, passage=passage
        )
        return schemas.Page(data=shown(session, book_id, rows), has_more=has_more)


@router.patch("")
def change_questions(
    service: ServiceDep, book_id: str, wish: schemas.ChangeQuestions
) -> schemas.ChangedQuestions:
    """Add, correct and remove questions: in this order, all of them or none.

    The next version learns from what stands then. What a person wrote or corrected is always learned, and
    weighs more; what was removed is never learned again.
    """
    changes = QuestionChanges(service.database, service.index, service.engine.count_tokens)
    changed = changes.apply(book_id, [change_of(each) for each in wish.changes])
    with service.database.read() as session:
        now = shown(session, book_id, changed.questions)
    return schemas.ChangedQuestions(book=book_id, questions=now, removed=list(changed.removed))

"""The route that compares two versions of a book: what they are, and what they answer."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app import schemas
from app.answering.types import Question, Scope
from app.http.deps import ServiceDep
from app.http.disconnect import WaitingDep
from app.http.routes.versions import shown
from app.http.serializers import answers
from app.service.service import Service
from store import questions, versions

router = APIRouter(prefix="/admin", tags=["admin"])


@router.post("/books/{book_id}/compare")
async def compare(
    service: ServiceDep, book_id: str, wish: schemas.Compare, waiting: WaitingDep
) -> schemas.Comparison:
    """Compare two versions: all that differs in their recipes and metrics, and what both answer.

    A client that goes away ends the work for it.
    """
    return await waiting.result(lambda: _compared(service, book_id, wish, waiting.wanted))


def _compared(
    service: Service, book_id: str, wish: schemas.Compare, wanted: Callable[[], bool]
) -> schemas.Comparison:
    with service.database.read() as session:
        rows = [versions.get_live(session, book_id, ref) for ref in wish.versions]
        told = shown(service, session, rows)
        questions = _questions(session, book_id, wish.questions)
    return schemas.Comparison(
        book=book_id,
        versions=told,
        recipe=_differences([row.recipe for row in rows]),
        metrics=_differences([row.metrics for row in rows]),
        seed=wish.seed,
        questions=[
            schemas.ComparedAnswers(
                question=question,
                expected=expected,
                answers=[
                    answers.answer(
                        service.answering.answer(
                            Question(question, seed=wish.seed),
                            Scope([f"{book_id}@{row.number}"]),
                            wanted=wanted,
                            min_confidence=0,
                            members="always",
                        )
                    )
                    for row in rows
                ],
            )
            for question, expected in questions
        ],
    )


def _questions(session: Session, book_id: str, given: list[str] | None) -> list[tuple[str, str | None]]:
    """The questions to ask, each with the answer that is expected, where one is known."""
    if given is not None:
        return [(question, None) for question in given]
    rows, _ = questions.list_questions(session, book_id, limit=schemas.COMPARED_QUESTIONS)
    return [(row.text, row.answer) for row in rows]


def _differences(records: list[dict[str, Any]]) -> list[schemas.Difference]:
    """The fields in which the records differ, by name."""
    names = sorted({name for record in records for name in record})
    found = [schemas.Difference(name=name, values=[each.get(name) for each in records]) for name in names]
    return [each for each in found if each.values[0] != each.values[1]]

"""Questions of a book in the shapes of the API, and changes to them out of these."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import schemas
from app.http.serializers.passages import first_and_last
from app.http.serializers.records import unix, unix_or_none
from app.training.question_changes import Addition, Change, Correction, Removal
from store import books, tables
from store.passages import pages_of, passages_at


def shown(session: Session, book_id: str, rows: Sequence[tables.Question]) -> list[schemas.Question]:
    """The questions with the chapter and page of each passage, where they are about the newest revision."""
    book = books.get(session, book_id)
    ordinals = {row.passage for row in rows if row.revision == book.revision}
    passages = passages_at(session, book_id, ordinals)
    pages = pages_of(session, list(passages.values()))
    found = []
    for row in rows:
        passage = passages.get(row.passage) if row.revision == book.revision else None
        first_page, last_page = first_and_last([] if passage is None else pages[passage.id])
        found.append(
            schemas.Question(
                id=row.id,
                book=row.book_id,
                revision=row.revision,
                text=row.text,
                answer=row.answer,
                kind=row.kind,
                source=row.source,
                passage=row.passage,
                chapter=None if passage is None else book.chapters[passage.chapter_ordinal].title,
                first_page=first_page,
                last_page=last_page,
                start=row.start,
                end=row.end,
                created_at=unix(row.created_at),
                changed_at=unix_or_none(row.changed_at),
            )
        )
    return found


def change_of(wish: schemas.QuestionChange) -> Change:
    """The change that a caller wishes for."""
    if isinstance(wish, schemas.AddQuestion):
        return Addition(wish.text, wish.answer, wish.passage)
    if isinstance(wish, schemas.CorrectQuestion):
        return Correction(wish.id, wish.text, wish.answer)
    return Removal(wish.id)

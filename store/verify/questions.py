"""Checks questions: the newest revision has the passages they are about, older ones have the text."""

from collections.abc import Iterator

from sqlalchemy import func, or_, select

from store.tables import Book, Passage, Question, Revision
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding


def check(context: CheckContext) -> Iterator[Finding]:
    """Check the passages that questions are about."""
    yield from _strayed(context)
    yield from _outside(context)
    context.on_progress("questions", 1, 1)


def _strayed(context: CheckContext) -> Iterator[Finding]:
    passage = select(Passage.id).where(
        Passage.book_id == Question.book_id,
        Passage.ordinal == Question.passage,
        Passage.start == Question.start,
        Passage.end == Question.end,
    )
    rows = context.session.execute(
        select(Question.book_id, func.count(), func.min(Question.id))
        .join(Book, (Book.id == Question.book_id) & (Book.revision == Question.revision))
        .where(~passage.exists())
        .group_by(Question.book_id)
        .order_by(Question.book_id)
    )
    for book, count, first in rows:
        what = f"{count} questions of book {book} are about no passage of it, one is {first}."
        yield Finding("question", what, RESTORE)


def _outside(context: CheckContext) -> Iterator[Finding]:
    rows = context.session.execute(
        select(Question.book_id, Question.revision, func.count())
        .join(Revision, (Revision.book_id == Question.book_id) & (Revision.number == Question.revision))
        .join(Book, (Book.id == Question.book_id) & (Book.revision > Question.revision))
        .where(or_(Question.start < 0, Question.start > Question.end, Question.end > Revision.characters))
        .group_by(Question.book_id, Question.revision)
        .order_by(Question.book_id, Question.revision)
    )
    for book, revision, count in rows:
        what = f"{count} questions of book {book} lie outside the text of its revision {revision}."
        yield Finding("question", what, RESTORE)

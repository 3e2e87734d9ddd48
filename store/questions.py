"""Questions about a book's passages: written by the LLM, and added, corrected and removed by people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from store import books
from store.errors import NotFoundError, OldRevisionError, QuestionExistsError
from store.tables import Passage, Question, Source, utcnow


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question about a passage, with its answer; two with one `key`, of 64 characters, are the same."""

    passage: Passage
    text: str
    answer: str
    key: str
    kind: str | None = None


def record(session: Session, book_id: str, revision: int, written: Iterable[NewQuestion]) -> None:
    """Store what the LLM wrote about a revision of a book.

    Left out is what is there already, and what a person corrected or removed. NotFoundError: no such book.
    """
    books.lock(session, book_id)
    pairs = select(Question.key, Question.written_key).where(*_of(book_id, revision))
    known = {key for pair in session.execute(pairs) for key in pair}
    rows = {new.key: _columns(new) for new in written if new.key not in known}
    if rows:
        same = {"book_id": book_id, "revision": revision, "source": "llm"}
        session.execute(insert(Question), [{**row, **same, "written_key": key} for key, row in rows.items()])


def add(session: Session, book_id: str, new: NewQuestion) -> Question:
    """Store a person's question about a passage of the newest revision.

    NotFoundError: no such book. QuestionExistsError: the book has it already.
    """
    revision = books.lock(session, book_id)
    _expect_new(session, book_id, revision, new.key)
    question = Question(book_id=book_id, revision=revision, source="person", **_columns(new))
    session.add(question)
    session.flush()
    return question


def correct(
    session: Session, book_id: str, question_id: str, *, text: str, answer: str, key: str
) -> Question:
    """Give a question these words, of that `key`. From now on a person stands for it.

    Raises what `changeable` raises, and QuestionExistsError where the book has another of this key.
    """
    question = changeable(session, book_id, question_id)
    _expect_new(session, book_id, question.revision, key, but=question_id)
    question.text, question.answer, question.key = text, answer, key
    question.source, question.changed_at = "person", utcnow()
    session.flush()
    return question


def remove(session: Session, book_id: str, question_id: str) -> None:
    """Remove a question, so that it is never learned again. Raises what `changeable` raises."""
    changeable(session, book_id, question_id).removed_at = utcnow()
    session.flush()


def changeable(session: Session, book_id: str, question_id: str) -> Question:
    """Return a question of the newest revision, while no one else changes the book.

    NotFoundError: no such book, or it has no such question. OldRevisionError: it is of an older revision.
    """
    newest = books.lock(session, book_id)
    question = _get(session, book_id, question_id)
    if question.removed_at is not None:
        raise NotFoundError("question", f"{question_id} of book {book_id}")
    if question.revision != newest:
        raise OldRevisionError(question_id, question.revision, newest)
    return question


def list_questions(
    session: Session,
    book_id: str,
    after: str | None = None,
    limit: int = 50,
    *,
    revision: int | None = None,
    kind: str | None = None,
    source: Source | None = None,
    passage: int | None = None,
) -> tuple[list[Question], bool]:
    """Return up to `limit` questions behind the question `after`, by passage, and whether more follow.

    They are about a revision, by default the newest; of one kind, source or passage where these are given.
    NotFoundError: no such book, or no question `after` of it.
    """
    wanted = books.get(session, book_id).revision if revision is None else revision
    query = select(Question).where(*_of(book_id, wanted), Question.removed_at.is_(None))
    for column, value in ((Question.kind, kind), (Question.source, source), (Question.passage, passage)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        cursor = _get(session, book_id, after)
        query = query.where(tuple_(Question.passage, Question.id) > tuple_(cursor.passage, cursor.id))
    rows = list(session.scalars(query.order_by(Question.passage, Question.id).limit(limit + 1)))
    return rows[:limit], len(rows) > limit


def decided(session: Session, book_id: str, revision: int) -> list[Question]:
    """Return what people wrote, corrected or removed of a revision's questions, by passage."""
    by_people = or_(Question.source == "person", Question.removed_at.is_not(None))
    query = select(Question).where(*_of(book_id, revision), by_people)
    return list(session.scalars(query.order_by(Question.passage, Question.id)))


def carry_over(session: Session, book_id: str, before: str, text: str) -> None:
    """Copy what people decided about the last revision but one, of text `before`, to the newest, of `text`.

    A question is copied where the text of its passage is still there, to the passage that has most of it; one
    that has the answer comes first. What the LLM wrote stays with its revision.
    """
    book = books.get(session, book_id)
    chapters = [chapter.ordinal for chapter in books.chapters_to_learn(book)]
    learned = select(Passage).where(Passage.book_id == book_id, Passage.chapter_ordinal.in_(chapters))
    passages = list(session.scalars(learned))
    for row in decided(session, book_id, book.revision - 1):
        passage = _place(before[row.start : row.end], row.answer, text, passages)
        if passage is not None:
            new = NewQuestion(passage, row.text, row.answer, row.key, row.kind)
            copied = Question(book_id=book_id, revision=book.revision, source=row.source, **_columns(new))
            copied.written_key, copied.removed_at = row.written_key, row.removed_at
            copied.created_at, copied.changed_at = row.created_at, row.changed_at
            session.add(copied)
    session.flush()


def _place(old: str, answer: str, text: str, passages: Sequence[Passage]) -> Passage | None:
    """The passage that has most of an older one's text, where that still stands in the book's text."""
    start = text.find(old)
    shares = [
        (answer in passage.text, min(passage.end, start + len(old)) - max(passage.start, start), passage)
        for passage in passages
        if passage.start < start + len(old) and passage.end > start
    ]
    if start < 0 or not shares:
        return None
    return max(shares, key=lambda share: (share[0], share[1], -share[2].ordinal))[2]


def _columns(new: NewQuestion) -> dict[str, object]:
    return {
        "passage": new.passage.ordinal,
        "start": new.passage.start,
        "end": new.passage.end,
        "kind": new.kind,
        "text": new.text,
        "answer": new.answer,
        "key": new.key,
    }


def _of(book_id: str, revision: int) -> tuple[ColumnElement[bool], ...]:
    return Question.book_id == book_id, Question.revision == revision


def _get(session: Session, book_id: str, question_id: str) -> Question:
    question = session.get(Question, question_id)
    if question is None or question.book_id != book_id:
        raise NotFoundError("question", f"{question_id} of book {book_id}")
    return question


def _expect_new(session: Session, book_id: str, revision: int, key: str, but: str | None = None) -> None:
    """Raise QuestionExistsError where the revision has a question of this key, `but` that one."""
    same = select(Question.id).where(
        *_of(book_id, revision), Question.key == key, Question.removed_at.is_(None)
    )
    found = session.scalar(same)
    if found is not None and found != but:
        raise QuestionExistsError(found)

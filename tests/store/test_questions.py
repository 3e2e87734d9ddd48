from collections.abc import Callable
from hashlib import sha256
from threading import Barrier, Thread

import pytest
from sqlalchemy.orm import Session

from store import books, questions, revisions
from store.database import Database
from store.editions import Edition
from store.errors import NotFoundError, OldRevisionError, QuestionExistsError
from store.passages import passages_of_book
from store.questions import NewQuestion
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Book, Question

TEXT = "Mira lit the lamp. The baker sold butter. The fishermen came home."


def key(text: str) -> str:
    return sha256(text.casefold().encode()).hexdigest()


def new(session: Session, book_id: str, ordinal: int, text: str, answer: str = "x") -> NewQuestion:
    passage = passages_of_book(session, book_id)[ordinal]
    return NewQuestion(passage, text, answer, key(text), "who")


def correct(session: Session, row: Question, text: str, answer: str) -> Question:
    return questions.correct(session, row.book_id, row.id, text=text, answer=answer, key=key(text))


def told(session: Session, book_id: str, revision: int | None = None) -> list[tuple[int, str, str, str]]:
    rows, more = questions.list_questions(session, book_id, revision=revision)
    assert not more
    return [(row.passage, row.text, row.answer, row.source) for row in rows]


@pytest.fixture
def lamp(database: Database, add_book: Callable[..., Book]) -> str:
    """A book of three passages, with a question of the LLM's about each."""
    with database.write() as session:
        book_id = add_book(session, TEXT, max_tokens=4).id
        written = [new(session, book_id, ordinal, f"Who {ordinal}?") for ordinal in range(3)]
        questions.record(session, book_id, 1, written)
    return book_id


def edition(text: str, *ends: int) -> Edition:
    """A text in passages that end there and at its end."""
    starts = [0, *ends]
    spans = [PassageSpan(0, start, end) for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return Edition(text, sha256(text.encode()).hexdigest(), [ChapterSpan("", 0, len(text))], spans)


def test_what_the_llm_wrote_is_listed_once_by_passage(database: Database, lamp: str) -> None:
    with database.write() as session:
        again = [new(session, lamp, 2, "Who 0?", "y"), new(session, lamp, 0, "Why 0?")]
        questions.record(session, lamp, 1, [*again, *again])
    with database.read() as session:
        assert sorted(told(session, lamp)) == [
            (0, "Who 0?", "x", "llm"),
            (0, "Why 0?", "x", "llm"),
            (1, "Who 1?", "x", "llm"),
            (2, "Who 2?", "x", "llm"),
        ]
        rows, _ = questions.list_questions(session, lamp)
        assert [TEXT[row.start : row.end] for row in rows[2:]] == [
            "The baker sold butter.",
            "The fishermen came home.",
        ]
        assert questions.decided(session, lamp, 1) == []


def test_every_page_of_a_list_goes_on_behind_the_last(database: Database, lamp: str) -> None:
    with database.write() as session:
        questions.record(session, lamp, 1, [new(session, lamp, 1, f"What {n}?") for n in range(4)])
    with database.read() as session:
        whole, _ = questions.list_questions(session, lamp)
        found: list[str] = []
        more = True
        while more:
            rows, more = questions.list_questions(session, lamp, found[-1] if found else None, 2)
            assert len(rows) == (2 if more else 1)
            found += [row.id for row in rows]
        assert found == [row.id for row in whole]
        for wish, count in (
            ({"passage": 1}, 5),
            ({"kind": "who"}, 7),
            ({"kind": "why"}, 0),
            ({"source": "person"}, 0),
            ({"revision": 2}, 0),
        ):
            assert len(questions.list_questions(session, lamp, **wish)[0]) == count
        with pytest.raises(NotFoundError, match="no question question_none"):
            questions.list_questions(session, lamp, "question_none")
        with pytest.raises(NotFoundError, match="no book book_none"):
            questions.list_questions(session, "book_none")


def test_people_correct_remove_and_add(database: Database, lamp: str) -> None:
    with database.write() as session:
        first, second, _ = questions.list_questions(session, lamp)[0]
        correct(session, first, "Who lit it?", "Mira")
        questions.remove(session, lamp, second.id)
        mine = questions.add(session, lamp, new(session, lamp, 2, "Who came?", "fishermen"))
    with database.read() as session:
        assert sorted(told(session, lamp)) == [
            (0, "Who lit it?", "Mira", "person"),
            (2, "Who 2?", "x", "llm"),
            (2, "Who came?", "fishermen", "person"),
        ]
        decided = {row.id: row for row in questions.decided(session, lamp, 1)}
        assert decided.keys() == {first.id, second.id, mine.id}
        assert decided[first.id].written_key == key("Who 0?")
        assert (decided[first.id].changed_at is None, mine.changed_at) == (False, None)


def test_what_people_decided_is_not_written_again(database: Database, lamp: str) -> None:
    with database.write() as session:
        first, second, _ = questions.list_questions(session, lamp)[0]
        correct(session, first, "Who lit it?", "Mira")
        questions.remove(session, lamp, second.id)
        before = told(session, lamp)
        texts = ["Who 0?", "Who 1?", "who lit it?"]
        questions.record(session, lamp, 1, [new(session, lamp, 0, text) for text in texts])
        assert told(session, lamp) == before
        # A person may think better of it.
        questions.add(session, lamp, new(session, lamp, 1, "Who 1?"))


def test_changes_that_are_refused(database: Database, lamp: str, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        other = add_book(session, "Another text.").id
        first, second, third = questions.list_questions(session, lamp)[0]
        questions.remove(session, lamp, third.id)
        for book_id, question_id in ((other, first.id), (lamp, "question_none"), (lamp, third.id)):
            with pytest.raises(NotFoundError, match=f"no question {question_id}"):
                questions.remove(session, book_id, question_id)
        with pytest.raises(QuestionExistsError) as raised:
            correct(session, first, "WHO 1?", "y")
        assert raised.value.question_id == second.id
        with pytest.raises(QuestionExistsError):
            questions.add(session, lamp, new(session, lamp, 0, "Who 1?"))
        correct(session, first, "WHO 0?", "y")


def test_a_new_edition_takes_over_what_people_decided_where_the_text_is_still_there(
    database: Database, lamp: str
) -> None:
    text = "A new beginning. Mira lit the lamp. The fishermen came home."
    with database.write() as session:
        first, second, third = questions.list_questions(session, lamp)[0]
        correct(session, first, "Who lit it?", "Mira")
        correct(session, second, "Who sold it?", "The baker")
        questions.remove(session, lamp, third.id)
        # The passage that has the answer, though the other has more of the old one.
        revisions.add(session, lamp, edition(text, 22, 30))
    with database.write() as session:
        assert told(session, lamp) == [(0, "Who lit it?", "Mira", "person")]
        [row] = questions.list_questions(session, lamp)[0]
        assert (row.id != first.id, row.revision, text[row.start : row.end]) == (True, 2, text[:22])
        [_, removed] = questions.decided(session, lamp, 2)
        assert (removed.written_key, removed.passage) == (key("Who 2?"), 2)
        # What was there before stays with its text, and is changed no more.
        assert [each[1] for each in told(session, lamp, 1)] == ["Who lit it?", "Who sold it?"]
        with pytest.raises(OldRevisionError, match="revision 1 of the text, and the book has 2"):
            questions.remove(session, lamp, second.id)
    with database.write() as session:
        revisions.add(session, lamp, edition(text + " The end."))
    with database.read() as session:
        assert told(session, lamp) == [(0, "Who lit it?", "Mira", "person")]


def test_front_matter_takes_nothing_over(database: Database, lamp: str) -> None:
    with database.write() as session:
        first, *_ = questions.list_questions(session, lamp)[0]
        correct(session, first, "Who lit it?", "Mira")
        chapters = [ChapterSpan("", 0, 19, "front"), ChapterSpan("", 19, len(TEXT))]
        spans = [PassageSpan(0, 0, 18), PassageSpan(1, 19, len(TEXT))]
        revisions.add(session, lamp, Edition(TEXT, "a" * 64, chapters, spans))
        assert told(session, lamp) == []


def test_questions_go_with_their_book(database: Database, lamp: str) -> None:
    with database.write() as session:
        books.delete(session, lamp)
    with database.read() as session:
        assert session.query(Question).count() == 0


def test_changes_at_once_lose_nothing(database: Database, lamp: str) -> None:
    with database.read() as session:
        first, *_ = questions.list_questions(session, lamp)[0]
    start = Barrier(3)

    def change(number: int) -> None:
        start.wait()
        with database.write() as session:
            row = questions.changeable(session, lamp, first.id)
            correct(session, row, row.text, f"{row.answer} {number}")
            questions.add(session, lamp, new(session, lamp, 1, f"Mine {number}?"))

    threads = [Thread(target=change, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        answers = {text: answer for _, text, answer, _ in told(session, lamp)}
    assert sorted(answers["Who 0?"].split()) == ["0", "1", "2", "x"]
    assert answers.keys() == {"Who 0?", "Who 1?", "Who 2?", "Mine 0?", "Mine 1?", "Mine 2?"}

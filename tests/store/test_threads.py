from collections.abc import Sequence
from threading import Barrier, Thread

import pytest
from sqlalchemy.orm import Session

from store import tables, threads
from store.database import Database
from store.errors import NotFoundError, ThreadFullError, TooManyThreadsError
from store.search.words import folded_words


def add(session: Session, thread: str, question: str, said: str = "", owner: str = "anna") -> tables.Turn:
    row = threads.get(session, thread, owner, lock=True)
    return threads.add_turn(
        session,
        row,
        question=question,
        answer={"question": question, "answer": said, "odd": "“三” \0 50%"},
        books=["book_1@2"],
        words=folded_words(f"{question} {said}"),
    )


def found(session: Session, query: str, owner: str = "anna") -> Sequence[str | None]:
    return [row.title for row in threads.list_threads(session, owner, folded_words(query))[0]]


@pytest.fixture
def thread(database: Database) -> str:
    with database.write() as session:
        row = threads.begin(session, "anna", "Lamps", ["lamps"])
        add(session, row.id, "Who lit the lamp of Óst?", "Mira")
        add(session, row.id, "Was es 50% Öl?", "Straße 7")
        return row.id


def test_a_thread_keeps_what_was_said(database: Database, thread: str) -> None:
    with database.read() as session:
        first, second = threads.turns(session, thread)
        assert (first.number, second.number) == (1, 2)
        assert (first.question, first.answer["answer"], first.books) == (
            "Who lit the lamp of Óst?",
            "Mira",
            ["book_1@2"],
        )
        assert second.answer["odd"] == "“三” \0 50%"
        assert [turn.number for turn in threads.turns(session, thread, 1)] == [2]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("ost", 1),
        ("LAM mira", 1),  # words that begin so, in title, question and answer
        ("amp", 0),
        ("mira strasse", 1),  # in several turns
        ("mira nobody", 0),
        ("50%", 1),
        ("5_%", 1),  # signs are no words
        ("lit_", 1),
    ],
)
def test_threads_are_found_by_all_their_words(
    database: Database, thread: str, query: str, count: int
) -> None:
    with database.read() as session:
        assert len(found(session, query)) == count
        assert found(session, query, "ben") == []


def test_a_thread_that_is_renamed_is_found_by_its_new_title(database: Database, thread: str) -> None:
    with database.write() as session:
        threads.rename(session, thread, "anna", "Fishermen", ["fishermen"])
        assert found(session, "lamps") == []
        assert found(session, "fish") == ["Fishermen"]


def test_a_full_thread_takes_no_more(
    database: Database, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.read() as session:
        row = threads.get(session, thread, "anna")
        threads.expect_room(session, row)
        monkeypatch.setattr(threads, "MOST_TURNS", 2)
        with pytest.raises(ThreadFullError, match="2 turns") as full:
            threads.expect_room(session, row)
        assert full.value.limit == 2
        monkeypatch.setattr(threads, "MOST_TURNS", 3)
        monkeypatch.setattr(threads, "MOST_BYTES", sum(turn.bytes for turn in threads.turns(session, thread)))
        with pytest.raises(ThreadFullError, match="bytes"):
            threads.expect_room(session, row)


def test_an_owner_has_so_many_threads(
    database: Database, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MOST_THREADS", 1)
    with database.write() as session:
        threads.begin(session, "ben")
        with pytest.raises(TooManyThreadsError, match="delete some"):
            threads.begin(session, "anna")


def test_turns_at_once_lose_nothing(database: Database, thread: str) -> None:
    start = Barrier(3)

    def ask(number: int) -> None:
        start.wait()
        with database.write() as session:
            add(session, thread, f"Who {number}?")

    running = [Thread(target=ask, args=(number,)) for number in range(3)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    with database.read() as session:
        rows = threads.turns(session, thread)
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert sorted(row.question for row in rows[2:]) == ["Who 0?", "Who 1?", "Who 2?"]


def test_a_thread_that_was_deleted_takes_no_turn(database: Database, thread: str) -> None:
    with database.write() as session:
        threads.delete(session, thread, "anna")
    with database.write() as session:
        assert session.query(tables.Turn).count() == 0
        with pytest.raises(NotFoundError, match=f"no thread {thread}"):
            add(session, thread, "Who?")

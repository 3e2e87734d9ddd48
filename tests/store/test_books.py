from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import event, func, select

from store import aliases, books, jobs, revisions
from store.database import Database
from store.editions import Edition
from store.errors import NotFoundError
from store.passages import passages_of_book
from store.tables import Artifact, Base, Book, Version

STORY = "CHAPTER I\n\nA fox ran. It was red.\n\nCHAPTER II. The wolf\n\nA wolf came by. It was grey and old."


def test_a_book_keeps_its_text_chapters_and_passages(
    database: Database, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        book_id = add_book(session, STORY, title="Fox & wolf", max_tokens=4).id
    with database.read() as session:
        book = books.get(session, book_id)
        whole = revisions.text(session, book_id)
        found = passages_of_book(session, book_id)
    assert book_id.startswith("book_")
    assert (book.title, book.author, book.language) == ("Fox & wolf", None, "en")
    assert (book.characters, book.passage_count) == (len(STORY), len(found))
    assert [chapter.title for chapter in book.chapters] == ["CHAPTER I", "CHAPTER II. The wolf"]
    assert whole == STORY
    assert [passage.chapter_ordinal for passage in found] == [0, 0, 1, 1, 1]
    assert [passage.ordinal for passage in found] == [0, 1, 2, 3, 4]
    assert all(passage.text == STORY[passage.start : passage.end] for passage in found)


def test_the_same_bytes_twice_at_the_same_time_are_one_book(
    database: Database, add_book: Callable[..., Book]
) -> None:
    together = Barrier(2)

    def add() -> tuple[str, bool]:
        together.wait()
        with database.write() as session:
            book, created = books.add(
                session, Edition("Once.", "5" * 64, chapters=[], passages=[]), title="Twice"
            )
            if created:
                jobs.enqueue(session, book_id=book.id, recipe={})
        return book.id, created

    with ThreadPoolExecutor(2) as pool:
        first, second = (added.result() for added in [pool.submit(add), pool.submit(add)])
    assert first[0] == second[0]
    assert sorted([first[1], second[1]]) == [False, True]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Book)) == 1
        assert jobs.count(session, "queued") == 1


def test_the_same_bytes_with_other_tags_change_nothing(
    database: Database, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        book_id = add_book(session, STORY, tags=["animals"]).id
        assert add_book(session, STORY, tags=["wolves"]).id == book_id
    with database.read() as session:
        assert books.get(session, book_id).tags == ["animals"]


def test_books_are_listed_newest_first_a_page_at_a_time(
    database: Database, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        added = [add_book(session, f"Book {number}.").id for number in range(5)]
    with database.read() as session:
        first, more = books.list_books(session, None, 2)
        assert ([book.id for book in first], more) == ([added[4], added[3]], True)
        second, more = books.list_books(session, added[3], 3)
        assert ([book.id for book in second], more) == ([added[2], added[1], added[0]], False)
        assert books.list_books(session, added[0], 3) == ([], False)
        with pytest.raises(NotFoundError):
            books.list_books(session, "book_none", 3)
        with pytest.raises(ValueError, match="at least one"):
            books.list_books(session, None, 0)


def test_books_of_the_same_moment_are_each_listed_once(
    database: Database, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        added = [add_book(session, f"Book {number}.") for number in range(4)]
        for book in added:
            book.created_at = added[0].created_at
    with database.read() as session:
        seen: list[str] = []
        more = True
        while more:
            page, more = books.list_books(session, seen[-1] if seen else None, 1)
            seen += [book.id for book in page]
    assert sorted(seen) == sorted(book.id for book in added)


def test_a_list_of_books_never_loads_their_text(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        add_book(session, STORY)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    with database.read() as session:
        books.list_books(session)
    assert any("FROM books" in statement for statement in statements)
    assert not any("revisions" in statement or "passages.text" in statement for statement in statements)


def test_unknown_books(database: Database) -> None:
    with database.write() as session:
        for call in (books.get, revisions.text, passages_of_book, books.delete):
            with pytest.raises(NotFoundError):
                call(session, "book_none")


def test_deleting_a_book_removes_all_that_was_learned_from_it(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        gone, kept = (add_book(session, text, tags=["animals"]) for text in (STORY, "Another story."))
        job = jobs.enqueue(session, book_id=gone.id, recipe={})
        publish(session, gone.id, b"shared", b"only here", job_id=job.id)
        publish(session, gone.id, b"only here", parent=1)
        publish(session, kept.id, b"shared")
        aliases.move(session, gone.id, "old", 1, who="me")
    with database.write() as session:
        books.delete(session, gone.id)
    with database.read() as session:
        with pytest.raises(NotFoundError):
            books.get(session, gone.id)
        with pytest.raises(NotFoundError):
            jobs.get(session, job.id)
        assert [row.data for row in session.scalars(select(Artifact))] == [b"shared"]
        assert [book.id for book in books.list_books(session)[0]] == [kept.id]
        for table in Base.metadata.sorted_tables:
            if "book_id" in table.c:
                assert set(session.scalars(select(table.c.book_id))) <= {kept.id}, table.name
        assert books.get(session, kept.id).tags == ["animals"]
        assert session.scalar(select(func.count()).select_from(Base.metadata.tables["job_events"])) == 0
        assert session.scalar(select(func.count()).select_from(Base.metadata.tables["members"])) == 1

from collections.abc import Callable

import pytest

from store import books, revisions
from store.database import Database
from store.editions import Edition
from store.errors import DuplicateBookError, NotFoundError
from store.passages import passages_of_book
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Book


def test_a_new_edition_is_the_next_revision(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        book_id = add_book(session, "The first text. It has two sentences.", max_tokens=4).id
        before = {passage.id for passage in passages_of_book(session, book_id)}
        text = "The second text."
        edition = Edition(text, "2" * 64, [ChapterSpan("New", 0, 16)], [PassageSpan(0, 0, 16)], format="md")
        book, revised = revisions.add(session, book_id, edition)
        assert (book.revision, revised, book.characters, book.format) == (2, True, 16, "md")
        assert revisions.add(session, book_id, edition) == (book, False)
    with database.read() as session:
        book = books.get(session, book_id)
        assert [chapter.title for chapter in book.chapters] == ["New"]
        [passage] = passages_of_book(session, book_id)
        assert passage.text == text
        assert passage.id not in before
        assert revisions.text(session, book_id) == text
        assert revisions.text(session, book_id, 1).startswith("The first")
        assert [row.number for row in revisions.list_revisions(session, book_id)] == [2, 1]
        with pytest.raises(NotFoundError):
            revisions.text(session, book_id, 3)


def test_the_text_of_another_book_is_no_edition(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        one, other = add_book(session, "One."), add_book(session, "Other.")
        edition = Edition("Other.", other.sha256, [], [])
        with pytest.raises(DuplicateBookError) as raised:
            revisions.add(session, one.id, edition)
    assert raised.value.book_id == other.id

from collections.abc import Callable

from store import books
from store.database import Database
from store.editions import Edition
from store.passages import (
    book_ids_of_passages,
    get_passages,
    pages_of,
    passages_of_book,
    passages_to_learn,
    text_to_learn,
)
from store.segmentation import ChapterSpan, PageSpan, PassageSpan
from store.tables import Book


def test_passages_come_in_the_order_they_were_asked_for(
    database: Database, add_book: Callable[..., Book]
) -> None:
    text = " ".join(f"Sentence number {number}." for number in range(1200))
    with database.write() as session:
        book_id = add_book(session, text, max_tokens=3).id
        ids = [passage.id for passage in passages_of_book(session, book_id)]
        assert len(ids) == 1200
        backwards = ids[::-1]
        found = get_passages(session, [*backwards, 10**9])
        assert [passage.id for passage in found] == backwards
        assert book_ids_of_passages(session, [*ids, 10**9]) == dict.fromkeys(ids, book_id)
        assert get_passages(session, []) == []


def test_what_is_learned_is_the_book_without_front_and_back_matter(database: Database) -> None:
    text = "Thanks. It was night. The end. Index."
    chapters = [
        ChapterSpan("Thanks", 0, 7, "front"),
        ChapterSpan("One", 8, 21),
        ChapterSpan("Two", 22, 30),
        ChapterSpan("Index", 31, 37, "back"),
    ]
    passages = [PassageSpan(number, span.start, span.end) for number, span in enumerate(chapters)]
    pages = [PageSpan("i", 0), PageSpan("1", 8), PageSpan("2", 25)]
    with database.write() as session:
        book, _ = books.add(session, Edition(text, "a" * 64, chapters, passages, pages), title="Night")
        assert text_to_learn(session, book.id) == "It was night. The end."
        assert [each.text for each in passages_to_learn(session, book.id)] == ["It was night.", "The end."]
        found = passages_of_book(session, book.id)
        on = pages_of(session, found)
        assert [[page.label for page in on[passage.id]] for passage in found] == [
            ["i"],
            ["1"],
            ["1", "2"],
            ["2"],
        ]

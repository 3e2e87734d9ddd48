from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import SQLITE_LIMIT_VARIABLE_NUMBER, Connection

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event

from store import books
from store.database import Database
from store.passages import get_passages, passages_of_book
from store.search.fusion import BOOK_WEIGHT, DENSE_WEIGHT
from store.search.index import PassageIndex
from store.search.library_words import LibraryWords
from store.tables import Book
from tests.store.conftest import Embedder, sqlite_only
from tests.store.search.conftest import CLOCK, FOX, WHALE


def _text(database: Database, passage_id: int) -> str:
    with database.read() as session:
        return get_passages(session, [passage_id])[0].text


def _by_hand(database: Database, embedder: Embedder, question: str) -> list[tuple[int, float]]:
    """Score every passage without FAISS, best first."""
    with database.read() as session:
        ids, texts = [], []
        for book in books.list_books(session)[0]:
            for passage in passages_of_book(session, book.id):
                ids.append(passage.id)
                texts.append(passage.text)
    scores = embedder(texts) @ embedder([question])[0]
    return sorted(zip(ids, scores.tolist(), strict=True), key=lambda pair: -pair[1])


def test_passages_are_found_best_first(
    database: Database, library: dict[str, str], index: PassageIndex, embedder: Embedder
) -> None:
    index.complete()
    hits = index.search("Where does the red fox live, under the oak?", 3)
    assert _text(database, hits[0].passage_id) == "The red fox lives under the oak."
    assert hits[0].book_id == library["fox"]
    expected = _by_hand(database, embedder, "Where does the red fox live, under the oak?")
    dense = dict(expected)
    assert [hit.dense for hit in hits] == pytest.approx([dense[hit.passage_id] for hit in hits])
    assert [hit.score for hit in hits] == pytest.approx(
        [DENSE_WEIGHT * hit.dense + (1 - DENSE_WEIGHT) * hit.lexical for hit in hits]
    )
    assert hits[0].score > hits[1].score
    assert len(index.search("fox", 100)) == len(expected)


def test_a_search_within_some_books(library: dict[str, str], index: PassageIndex) -> None:
    question = "Where does the red fox live?"
    hits = index.search(question, 100, [library["whale"], library["clock"]])
    assert {hit.book_id for hit in hits} == {library["whale"], library["clock"]}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    everywhere = {hit.passage_id: hit.score for hit in index.search(question, 100)}
    assert all(hit.score == pytest.approx(everywhere[hit.passage_id]) for hit in hits)
    assert index.search(question, 5, []) == []
    assert index.search(question, 5, ["book_none"]) == []


def _blind(texts: Sequence[str]) -> NDArray[np.float32]:
    """See no difference between any two texts."""
    return np.ones((len(texts), 1), dtype=np.float32)


def test_a_name_the_embedder_does_not_know(
    database: Database, library: dict[str, str], folder: Path, add_book: Callable[..., Book]
) -> None:
    index = PassageIndex(database, folder, _blind, "blind@1")
    index.complete()
    assert index.search("Who was Grizzelda?", 1)[0].lexical == 0
    with database.write() as session:
        added = add_book(session, "Rain fell. Grizzelda locked the barn. Dogs barked.", max_tokens=4).id
    index.complete()
    assert [hit.book_id for hit in index.books("Who was Grizzelda?", 1)] == [added]
    for hits in (index.search("Who was Grizzelda?", 9), index.search("Who was Grizzelda?", 9, [added])):
        assert _text(database, hits[0].passage_id) == "Grizzelda locked the barn."
        assert [hit.lexical > 0 for hit in hits] == [True] + [False] * (len(hits) - 1)
        assert {hit.dense for hit in hits} == {1.0}
    within = index.search("Who was Grizzelda?", 9, [library["fox"]])
    assert {hit.book_id for hit in within} == {library["fox"]}
    with database.write() as session:
        books.delete(session, added)
    index.refresh()
    assert {hit.lexical for hit in index.search("Who was Grizzelda?", 9)} == {0.0}


def test_a_question_of_words_nobody_wrote_is_answered_by_meaning(
    database: Database, library: dict[str, str], folder: Path
) -> None:
    def knows_synonyms(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [[("whale" in text) or ("leviathan" in text), 0.1] for text in texts], dtype=np.float32
        )

    index = PassageIndex(database, folder, knows_synonyms, "synonyms@1")
    index.complete()
    hit = index.search("leviathan?", 1)[0]
    assert (hit.book_id, hit.lexical) == (library["whale"], 0.0)


def test_a_book_is_worth_its_best_passage_and_all_its_words(
    library: dict[str, str], index: PassageIndex
) -> None:
    question = "Which clock strikes thirteen in the hall?"
    found = index.books(question, 2)
    assert found[0].book_id == library["clock"]
    texts = {library["clock"]: CLOCK, library["fox"]: FOX, library["whale"]: WHALE}
    rows = [(number, book, text) for number, (book, text) in enumerate(texts.items())]
    words = LibraryWords.build(rows).score_books(question)
    assert words[library["clock"]] > words[library["fox"]]
    best = index.search(question, 1)[0].score
    assert found[0].score == pytest.approx(best + BOOK_WEIGHT * words[library["clock"]])
    assert len(found) == 2
    assert {book.book_id for book in index.books("clock", 10)} == set(library.values())


def test_the_best_of_some_books(library: dict[str, str], index: PassageIndex) -> None:
    question = "Which clock strikes thirteen in the hall?"
    some = [library["whale"], library["fox"], "book_none"]
    found = index.books(question, 3, some)
    assert {hit.book_id for hit in found} == {library["whale"], library["fox"]}
    everywhere = {hit.book_id: hit.score for hit in index.books(question, 3)}
    assert [hit.score for hit in found] == pytest.approx(
        sorted((everywhere[hit.book_id] for hit in found), reverse=True)
    )
    assert index.books(question, 1, some) == found[:1]
    assert index.books(question, 1, []) == []
    assert index.books(question, 1, ["book_none"]) == []


def test_a_book_is_found_by_words_that_no_passage_of_it_has_together(
    database: Database, folder: Path, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        add_book(session, "The miller and the harbour are old. Rain fell. Dogs barked.", max_tokens=7)
        both = add_book(session, "The miller woke. One harbour slept. A lantern shone.", max_tokens=4).id
    index = PassageIndex(database, folder, _blind, "blind@1")
    index.complete()
    question = "miller, harbour, lantern?"
    assert index.search(question, 1)[0].book_id != both
    assert index.books(question, 1)[0].book_id == both
    # Only books are ranked by all their words: what is found within one is as good as before.
    assert index.search(question, 3, [both])[0].score == max(
        hit.score for hit in index.search(question, 9) if hit.book_id == both
    )


def test_the_best_book_is_found_however_far_down_its_passages_are(
    database: Database, folder: Path, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        for number in range(20):
            add_book(session, f"Miller, harbour, lantern {number}.")
        for word in ("storm", "wolf"):
            add_book(session, " ".join(f"A {word} near{number}." for number in range(10)), max_tokens=3)
        all_words = add_book(session, "One miller slept. One storm came. One wolf left.", max_tokens=3).id
    index = PassageIndex(database, folder, _blind, "blind@1")
    index.complete()
    question = "miller harbour lantern, storm? wolf?"
    assert all_words not in {hit.book_id for hit in index.search(question, 16)}
    [first] = index.books(question, 1)
    assert first.book_id == all_words
    assert first == index.books(question, 99)[0]


@sqlite_only
def test_more_books_than_a_statement_has_room_for(
    database: Database, library: dict[str, str], index: PassageIndex
) -> None:
    @event.listens_for(database.engine, "checkout")
    def as_in_older_builds(connection: Connection, *_: object) -> None:
        connection.setlimit(SQLITE_LIMIT_VARIABLE_NUMBER, 999)

    some = [*(f"book_{number}" for number in range(1200)), library["fox"]]
    assert [hit.book_id for hit in index.books("clock", 2, some)] == [library["fox"]]


def test_books_beyond_one_with_many_good_passages(
    database: Database, add_book: Callable[..., Book], index: PassageIndex
) -> None:
    with database.write() as session:
        many = add_book(session, " ".join(f"Clock clock number{n}." for n in range(120)), max_tokens=3).id
        few = add_book(session, "One clock in a quiet house.").id
    assert [book.book_id for book in index.books("clock", 2)] == [many, few]


def test_an_empty_library(index: PassageIndex, folder: Path) -> None:
    index.refresh()
    assert index.search("Anybody?", 3) == []
    assert index.search("Anybody?", 3, ["book_none"]) == []
    assert index.books("Anybody?", 3) == []
    assert index.books("Anybody?", 3, ["book_none"]) == []


def test_what_cannot_be_asked(index: PassageIndex) -> None:
    with pytest.raises(ValueError, match="at least one passage"):
        index.search("Question?", 0)
    with pytest.raises(ValueError, match="at least one book"):
        index.books("Question?", 0)

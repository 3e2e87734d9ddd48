from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from store import books
from store.database import Database
from store.search.index import PassageIndex
from store.tables import Book, Embedding
from tests.store.conftest import Embedder
from tests.store.search.conftest import CLOCK


def test_a_new_book_is_found_and_only_it_is_embedded(
    database: Database,
    library: dict[str, str],
    index: PassageIndex,
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    index.refresh()
    assert len(embedder.texts) == 9
    embedder.texts.clear()
    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    assert index.search("Who guards the bridge?", 1)[0].book_id == added
    assert embedder.texts == ["A dragon guards the bridge.", "Who guards the bridge?"]
    assert index.search("Who guards the bridge?", 1, [added])[0].book_id == added
    assert index.rebuilds == 2


def test_a_new_book_is_found_by_name_at_once(
    database: Database, library: dict[str, str], index: PassageIndex, add_book: Callable[..., Book]
) -> None:
    index.refresh()
    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    assert [hit.book_id for hit in index.search("Who?", 5, [added])] == [added]


def test_a_deleted_book_is_not_found(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path
) -> None:
    index.refresh()
    with database.write() as session:
        books.delete(session, library["fox"])
    assert library["fox"] not in {hit.book_id for hit in index.search("red fox oak", 100)}
    assert library["fox"] not in {book.book_id for book in index.books("red fox oak", 100)}
    assert index.search("red fox oak", 100, [library["fox"]]) == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == 6


def test_a_book_that_takes_the_place_of_the_newest(
    database: Database, library: dict[str, str], index: PassageIndex, add_book: Callable[..., Book]
) -> None:
    # As many passages as before; only ids that are never given twice tell the two libraries apart.
    index.refresh()
    with database.write() as session:
        books.delete(session, library["clock"])
        added = add_book(session, CLOCK.replace("clock", "mirror"), max_tokens=7).id
    assert index.search("Where does the mirror stand?", 1)[0].book_id == added


def test_the_last_book_deleted(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path
) -> None:
    index.refresh()
    with database.write() as session:
        for book_id in library.values():
            books.delete(session, book_id)
    index.refresh()
    assert index.search("fox", 3) == []


def test_many_searches_at_once_build_the_index_once(library: dict[str, str], index: PassageIndex) -> None:
    together = Barrier(4)

    def ask() -> str:
        together.wait()
        return index.search("red fox", 1)[0].book_id

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        assert [answer.result() for answer in asked] == [library["fox"]] * 4
    assert index.rebuilds == 1


def test_a_search_in_known_books_does_not_wait_for_new_ones(
    database: Database,
    library: dict[str, str],
    folder: Path,
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    embedding, go_on = Event(), Event()

    def slow(texts: Sequence[str]) -> NDArray[np.float32]:
        if any("dragon" in text for text in texts):
            embedding.set()
            assert go_on.wait(10)
        return embedder(texts)

    index = PassageIndex(database, folder, slow, embedder.name)
    index.refresh()
    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(index.refresh)
        assert embedding.wait(10)
        assert index.search("red fox", 1, [library["fox"]])[0].book_id == library["fox"]
        assert index.books("red fox", 1, [library["fox"]])[0].book_id == library["fox"]
        with database.write() as session:  # the write lock is free while texts are embedded
            books.delete(session, library["clock"])
        go_on.set()
        refreshing.result()
    assert {hit.book_id for hit in index.search("anything", 100)} == {library["fox"], library["whale"], added}

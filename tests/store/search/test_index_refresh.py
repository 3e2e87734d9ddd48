from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, current_thread

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import event, func, select

from store import books
from store.database import Database
from store.search.index import PassageIndex
from store.search.passage_vectors import Embedded
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
    index.complete()
    assert len(embedder.texts) == 9
    embedder.texts.clear()
    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    index.complete()
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
    index.complete()
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
    index.refresh()
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


def test_searches_wait_for_no_embedder(
    database: Database,
    library: dict[str, str],
    folder: Path,
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    embedding, go_on = Event(), Event()

    def slow(texts: Sequence[str]) -> NDArray[np.float32]:
        if "A dragon guards the bridge." in texts:
            embedding.set()
            assert go_on.wait(10)
        return embedder(texts)

    index = PassageIndex(database, folder, slow, embedder.name)
    index.complete()
    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    index.refresh()
    with ThreadPoolExecutor(1) as pool:
        completing = pool.submit(index.complete)
        assert embedding.wait(10)
        assert index.search("red fox", 1, [library["fox"]])[0].book_id == library["fox"]
        [hit] = index.search("Who guards the bridge?", 1)
        assert (hit.book_id, hit.dense) == (added, 0.0)  # by its words, until it has its vector
        assert index.books("Who guards the bridge?", 1)[0].book_id == added
        with database.write() as session:  # the write lock is free while texts are embedded
            books.delete(session, library["clock"])
        go_on.set()
        completing.result()
    found = {hit.book_id: hit.dense for hit in index.search("bridge", 100)}
    assert set(found) == {library["fox"], library["whale"], added}
    assert found[added] > 0


def test_a_search_does_not_wait_for_words_that_it_does_not_need(
    database: Database, library: dict[str, str], index: PassageIndex, add_book: Callable[..., Book]
) -> None:
    index.complete()
    reading, go_on = Event(), Event()

    @event.listens_for(database.engine, "after_cursor_execute")
    def executed(*given: object) -> None:
        # The texts of new passages are read to be indexed.
        if "passages.text" in str(given[2]) and current_thread().name == "index":
            reading.set()
            assert go_on.wait(10)

    with database.write() as session:
        added = add_book(session, "A dragon guards the bridge.").id
    assert index.search("red fox", 1)[0].book_id == library["fox"]
    assert reading.wait(10)
    assert index.search("red fox", 1, [library["fox"]])[0].book_id == library["fox"]
    assert index.books("red fox", 1)[0].book_id == library["fox"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.search, "Who guards the bridge?", 1, [added])
        assert not asked.done()
        go_on.set()
        assert [hit.book_id for hit in asked.result()] == [added]
    index.settle()


def test_vectors_of_another_process_are_used_once_all_are_there(
    url: str, database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    index = PassageIndex(database, folder, embedder, embedder.name)
    other_database = Database(url)
    other = PassageIndex(other_database, folder, embedder, embedder.name, batch_size=2)
    embedded = other.embed(library["fox"])
    assert [index.search("red fox", 9)[0].dense for _ in range(2)] == [0.0, 0.0]
    assert next(embedded) == Embedded(2, 3)
    index.refresh()
    assert {hit.dense for hit in index.search("red fox", 9, [library["fox"]])} == {0.0}
    assert list(embedded) == [Embedded(3, 3)]
    index.search("red fox", 1)  # sees that there is more, and has it fetched
    index.settle()
    assert index.search("red fox", 1, [library["fox"]])[0].dense > 0
    assert {hit.dense for hit in index.search("red fox", 9, [library["clock"]])} == {0.0}
    assert set(index.waiting()) == {library["whale"], library["clock"]}
    other_database.close()

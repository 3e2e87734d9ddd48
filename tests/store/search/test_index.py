import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import SQLITE_LIMIT_VARIABLE_NUMBER, Connection
from threading import Barrier, Event
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event, func, select

from store import books
from store.database import Database
from store.errors import StoreBusyError
from store.passages import get_passages, passages_of_book
from store.search.fusion import DENSE_WEIGHT
from store.search.index import PassageIndex
from store.tables import Book, Embedding
from tests.store.conftest import sqlite_only

FOX = "The red fox lives under the oak. It hunts at night. Its den is warm."
WHALE = "The blue whale sings in the ocean. Sailors hear it from far away. It dives deep."
CLOCK = "The old clock stands in the hall. It strikes thirteen. Nobody in the village repairs it."


class Embedder(Protocol):
    name: str
    texts: list[str]

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@pytest.fixture
def library(database: Database, add_book: Callable[..., Book]) -> dict[str, str]:
    with database.write() as session:
        return {
            title: add_book(session, text, title=title, max_tokens=7).id
            for title, text in (("fox", FOX), ("whale", WHALE), ("clock", CLOCK))
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(database: Database, folder: Path, embedder: Embedder) -> PassageIndex:
    return PassageIndex(database, folder, embedder, embedder.name, batch_size=2)


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
    assert index.search("Who was Grizzelda?", 1)[0].lexical == 0
    with database.write() as session:
        added = add_book(session, "Rain fell. Grizzelda locked the barn. Dogs barked.", max_tokens=4).id
    assert [hit.book_id for hit in index.books("Who was Grizzelda?", 1)] == [added]
    for hits in (index.search("Who was Grizzelda?", 9), index.search("Who was Grizzelda?", 9, [added])):
        assert _text(database, hits[0].passage_id) == "Grizzelda locked the barn."
        assert [hit.lexical > 0 for hit in hits] == [True] + [False] * (len(hits) - 1)
        assert {hit.dense for hit in hits} == {1.0}
    within = index.search("Who was Grizzelda?", 9, [library["fox"]])
    assert {hit.book_id for hit in within} == {library["fox"]}
    with database.write() as session:
        books.delete(session, added)
    assert {hit.lexical for hit in index.search("Who was Grizzelda?", 9)} == {0.0}


def test_words_are_found_again_after_a_restart(
    database: Database, library: dict[str, str], folder: Path
) -> None:
    before = PassageIndex(database, folder, _blind, "blind@1").search("thirteen", 9)
    assert _text(database, before[0].passage_id) == "It strikes thirteen."
    again = PassageIndex(database, folder, _blind, "blind@1")
    assert again.search("thirteen", 9) == before
    assert again.rebuilds == 0


def test_a_question_of_words_nobody_wrote_is_answered_by_meaning(
    database: Database, library: dict[str, str], folder: Path
) -> None:
    def knows_synonyms(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [[("whale" in text) or ("leviathan" in text), 0.1] for text in texts], dtype=np.float32
        )

    index = PassageIndex(database, folder, knows_synonyms, "synonyms@1")
    hit = index.search("leviathan?", 1)[0]
    assert (hit.book_id, hit.lexical) == (library["whale"], 0.0)


def test_a_book_is_worth_its_best_passage(library: dict[str, str], index: PassageIndex) -> None:
    found = index.books("Which clock strikes thirteen in the hall?", 2)
    assert found[0].book_id == library["clock"]
    assert found[0].score == index.search("Which clock strikes thirteen in the hall?", 1)[0].score
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


def _damage(folder: Path, how: str) -> None:
    file, side = folder / "passages.faiss", folder / "passages.json"
    data = file.read_bytes()
    known = json.loads(side.read_text())
    if how == "file missing":
        file.unlink()
    elif how == "folder missing":
        file.unlink()
        side.unlink()
        folder.rmdir()
    elif how == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "one bit flipped":
        file.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif how == "side file missing":
        side.unlink()
    elif how == "side file no JSON":
        side.write_text("{")
    elif how == "side file of another form":
        side.write_text(json.dumps({"version": 2}))
    elif how == "side file no object":
        side.write_text("[1]")
    elif how == "another embedder":
        side.write_text(json.dumps(known | {"embedder": "other@1"}))
    elif how == "stale":
        side.write_text(json.dumps(known | {"last_passage": known["last_passage"] - 1}))
    else:
        raise AssertionError(how)


@pytest.mark.parametrize(
    "how",
    [
        "file missing",
        "folder missing",
        "truncated",
        "empty",
        "one bit flipped",
        "side file missing",
        "side file no JSON",
        "side file of another form",
        "side file no object",
        "another embedder",
        "stale",
    ],
)
def test_a_damaged_index_is_built_again_once(
    database: Database,
    library: dict[str, str],
    index: PassageIndex,
    folder: Path,
    embedder: Embedder,
    how: str,
) -> None:
    before = index.search("Where does the red fox live?", 4)
    _damage(folder, how)
    embedder.texts.clear()
    again = PassageIndex(database, folder, embedder, embedder.name)
    assert again.search("Where does the red fox live?", 4) == before
    assert again.search("Where does the red fox live?", 4) == before
    assert again.rebuilds == 1
    assert set(embedder.texts) == {"Where does the red fox live?"}  # the vectors came from the database
    healed = PassageIndex(database, folder, embedder, embedder.name)
    assert healed.search("Where does the red fox live?", 4) == before
    assert healed.rebuilds == 0


def test_another_embedder_has_its_own_vectors(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path
) -> None:
    index.refresh()

    def first_letters(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [[text.startswith("It"), not text.startswith("It")] for text in texts], dtype=np.float32
        )

    other = PassageIndex(database, folder, first_letters, "first-letters@1")
    assert _text(database, other.search("It what?", 1)[0].passage_id).startswith("It")
    assert other.rebuilds == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == 18


def test_vectors_are_little_endian_float32(
    database: Database, library: dict[str, str], index: PassageIndex, embedder: Embedder
) -> None:
    index.refresh()
    with database.read() as session:
        row = session.scalars(select(Embedding).order_by(Embedding.passage_id)).first()
    assert row is not None
    assert row.embedder == embedder.name
    vector = np.frombuffer(row.vector, dtype="<f4")
    np.testing.assert_array_equal(vector, embedder([_text(database, row.passage_id)])[0])


@pytest.mark.parametrize(
    "answer",
    [np.zeros((1, 3), np.float32), np.full((2, 3), np.nan, np.float32), np.zeros(2, np.float32)],
)
def test_an_embedder_that_answers_nonsense(
    database: Database, library: dict[str, str], folder: Path, answer: NDArray[np.float32]
) -> None:
    index = PassageIndex(database, folder, lambda texts: answer, "broken", batch_size=2)
    with pytest.raises(ValueError, match="broken gave"):
        index.refresh()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == 0


def test_a_question_of_another_dimension(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path, embedder: Embedder
) -> None:
    index.refresh()
    changed = PassageIndex(
        database, folder, lambda texts: np.ones((len(texts), 3), np.float32), embedder.name
    )
    with pytest.raises(ValueError, match="64 numbers, the question 3"):
        changed.search("fox", 1)


def test_the_write_lock_is_held(
    url: str, database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    hasty = Database(url, busy_timeout_s=0.05)
    index = PassageIndex(hasty, folder, embedder, embedder.name)
    with database.write(), pytest.raises(StoreBusyError):
        index.refresh()
    assert index.search("red fox", 1)[0].book_id == library["fox"]
    with database.write():  # nothing to write: searching needs no lock
        assert index.search("red fox", 1)[0].book_id == library["fox"]
    hasty.close()


def test_an_index_that_cannot_be_kept_still_answers(
    database: Database,
    library: dict[str, str],
    tmp_path: Path,
    embedder: Embedder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("in the way")
    index = PassageIndex(database, tmp_path / "file", embedder, embedder.name)
    assert index.search("red fox", 1)[0].book_id == library["fox"]
    assert "could not be kept" in caplog.text
    assert index.search("old clock", 1)[0].book_id == library["clock"]
    assert index.rebuilds == 1


def test_nothing_is_left_beside_the_index(library: dict[str, str], index: PassageIndex, folder: Path) -> None:
    index.refresh()
    assert sorted(path.name for path in folder.iterdir()) == ["passages.faiss", "passages.json"]


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


def test_a_book_deleted_while_it_is_embedded(
    database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    def deleting(texts: Sequence[str]) -> NDArray[np.float32]:
        if any("fox" in text for text in texts) and len(texts) > 1:
            with database.write() as session:
                books.delete(session, library["fox"])
        return embedder(texts)

    index = PassageIndex(database, folder, deleting, embedder.name)
    assert {hit.book_id for hit in index.search("fox", 100)} == {library["whale"], library["clock"]}


def test_a_book_deleted_while_the_question_is_embedded(
    database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    def deleting(texts: Sequence[str]) -> NDArray[np.float32]:
        if list(texts) == ["fox"]:
            with database.write() as session:
                books.delete(session, library["fox"])
        return embedder(texts)

    index = PassageIndex(database, folder, deleting, embedder.name)
    assert {hit.book_id for hit in index.search("fox", 100)} == {library["whale"], library["clock"]}


def test_a_book_added_by_another_process_before_the_index_is_built(
    url: str,
    database: Database,
    library: dict[str, str],
    index: PassageIndex,
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    other = Database(url)
    added: list[str] = []

    @event.listens_for(database.engine, "after_cursor_execute")
    def executed(*given: object) -> None:
        # The last look for passages without a vector has begun: it cannot see this one.
        if (
            "passages.text" in str(given[2])
            and "LIMIT" in str(given[2])
            and len(embedder.texts) == 9
            and not added
        ):
            with other.write() as session:
                added.append(add_book(session, "A dragon guards the bridge.").id)

    index.refresh()
    assert len(added) == 1
    assert embedder.texts[9:] == ["A dragon guards the bridge."]
    assert index.search("Who guards the bridge? A dragon.", 1, added)[0].book_id == added[0]
    assert index.rebuilds == 1
    other.close()


def test_a_book_added_while_others_are_embedded(
    database: Database,
    library: dict[str, str],
    folder: Path,
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    added: list[str] = []

    def adding(texts: Sequence[str]) -> NDArray[np.float32]:
        if not added and len(texts) > 1:
            with database.write() as session:
                added.append(add_book(session, "A dragon guards the bridge.").id)
        return embedder(texts)

    index = PassageIndex(database, folder, adding, embedder.name)
    assert len(index.search("fox", 100)) == 10
    assert index.search("Who guards the bridge? A dragon.", 1)[0].book_id == added[0]

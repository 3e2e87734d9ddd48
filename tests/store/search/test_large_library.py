"""The lists of a large library: what they find, and how they follow the library."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from store import books
from store.database import Database
from store.search.faiss_snapshot import FaissSnapshot
from store.search.index import PassageIndex
from store.tables import Book
from tests.store.conftest import Embedder


def snapshot(count: int = 3000) -> FaissSnapshot:
    """Vectors around 30 centres, under even ids."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(30, 16))[random.integers(30, size=count)]
    vectors += 0.3 * random.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return FaissSnapshot.build(np.arange(2, 2 * count + 2, 2), vectors.astype(np.float32))


def recall(of: FaissSnapshot) -> float:
    """The share of the eight nearest that are found for each hundredth vector."""
    found = []
    for place in range(0, 2000, 100):
        scores = of.score(of.vectors(place, 1))
        ids, best = scores.best(8)
        assert best.tolist() == scores.of(ids).tolist()
        assert best.tolist() == sorted(best.tolist(), reverse=True)
        found.append(len(np.intersect1d(ids, of.ids[np.argsort(-scores.all())[:8]])) / 8)
    return float(np.mean(found))


def test_lists_find_nearly_all_that_is_near() -> None:
    assert recall(snapshot()) == 1
    assert recall(snapshot().with_lists()) > 0.98


def test_lists_are_due_for_a_library_that_is_large_or_has_grown_much() -> None:
    small, lists = snapshot(), snapshot().with_lists()
    assert not small.lists_are_due(3000)
    assert small.lists_are_due(2999)
    assert not lists.lists_are_due(100)

    def kept(count: int) -> FaissSnapshot:
        nothing = np.empty(0, np.int64), np.empty((0, 16), np.float32)
        return lists.updated(np.arange(3000) < count, *nothing)

    assert not kept(2500).lists_are_due(100)
    assert kept(1000).lists_are_due(100)


def test_lists_follow_what_goes_and_what_comes() -> None:
    lists = snapshot().with_lists()
    gone = np.arange(3000) % 3 == 0
    ids = np.arange(7001, 7101)
    vectors = np.tile(np.eye(1, 16, dtype=np.float32), (100, 1))
    changed = lists.updated(~gone, ids, vectors)
    assert changed.ids.tolist() == [*lists.ids[~gone].tolist(), *ids.tolist()]
    assert set(changed.score(vectors[:1]).best(100)[0].tolist()) == set(ids.tolist())
    for place in range(0, 3000, 300):  # each of them is gone
        found = changed.score(lists.vectors(place, 1)).best(50)[0]
        assert len(found) == 50
        assert not set(found.tolist()) & set(lists.ids[gone].tolist())
    assert recall(changed) > 0.98
    assert recall(lists) > 0.98  # the one that others still search has not changed


def test_lists_made_of_an_older_library_are_brought_up_to_date() -> None:
    older = snapshot()
    vectors = np.eye(1, 16, dtype=np.float32)
    newer = older.updated(np.arange(3000) > 10, np.array([9001]), vectors)
    joined = newer.with_lists_of(older.with_lists())
    assert joined.score(vectors).best(1)[0].tolist() == [9001]
    assert not set(joined.score(older.vectors(0, 1)).best(20)[0].tolist()) & set(range(2, 24))


def test_lists_are_made_beside_the_index_and_kept(
    database: Database,
    folder: Path,
    library: dict[str, str],
    embedder: Embedder,
    add_book: Callable[..., Book],
) -> None:
    with database.write() as session:
        more = add_book(session, " ".join(f"A star {number}." for number in range(30)), max_tokens=3).id

    def opened() -> PassageIndex:
        return PassageIndex(database, folder, embedder, embedder.name, large=8)

    index = opened()
    index.complete()
    index.settle()
    assert (folder / "lists.faiss").exists()
    before = index.search("Where does the red fox live?", 3)
    again = opened()
    assert again.search("Where does the red fox live?", 3) == before
    assert again.rebuilds == 0
    with database.write() as session:
        books.delete(session, library["whale"])
    again.refresh()
    assert {hit.book_id for hit in again.search("anything", 99)} == {
        library["fox"],
        library["clock"],
        more,
    }
    assert opened().rebuild() == 36


@pytest.mark.parametrize("damage", ["gone", "flipped"])
def test_damaged_lists_are_made_again(
    database: Database, folder: Path, embedder: Embedder, add_book: Callable[..., Book], damage: str
) -> None:
    with database.write() as session:
        add_book(session, " ".join(f"A star {number}." for number in range(30)), max_tokens=3)

    def asked() -> tuple[PassageIndex, list[float]]:
        index = PassageIndex(database, folder, embedder, embedder.name, large=8)
        index.complete()
        index.settle()
        return index, [hit.score for hit in index.search("Which star 7?", 3)]

    _, before = asked()
    file = folder / "lists.faiss"
    data: NDArray[np.uint8] = np.frombuffer(file.read_bytes(), np.uint8)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-1].tobytes() + bytes([data[-1] ^ 1]))
    index, after = asked()
    assert (after, index.rebuilds) == (before, 1)
    assert file.exists()

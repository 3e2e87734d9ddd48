from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select

from store import books, revisions
from store.database import Database
from store.editions import Edition
from store.errors import StoreBusyError
from store.passages import get_passages
from store.search.index import PassageIndex
from store.search.passage_vectors import Embedded
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Book, Embedding
from tests.store.conftest import Embedder


def _text(database: Database, passage_id: int) -> str:
    with database.read() as session:
        return get_passages(session, [passage_id])[0].text


def test_another_embedder_has_its_own_vectors(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path
) -> None:
    index.complete()

    def first_letters(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [[text.startswith("It"), not text.startswith("It")] for text in texts], dtype=np.float32
        )

    other = PassageIndex(database, folder, first_letters, "first-letters@1")
    other.complete()
    assert _text(database, other.search("It what?", 1)[0].passage_id).startswith("It")
    assert other.rebuilds == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == 18


def test_vectors_are_little_endian_float32(
    database: Database, library: dict[str, str], index: PassageIndex, embedder: Embedder
) -> None:
    index.complete()
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
        index.complete()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == 0


def test_a_question_of_another_dimension(
    database: Database, library: dict[str, str], index: PassageIndex, folder: Path, embedder: Embedder
) -> None:
    index.complete()
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
        index.complete()
    assert index.search("red fox", 1)[0].book_id == library["fox"]
    with database.write():  # nothing to write: searching needs no lock
        assert index.search("red fox", 1)[0].book_id == library["fox"]
    hasty.close()


def test_a_book_deleted_while_it_is_embedded(
    database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    def deleting(texts: Sequence[str]) -> NDArray[np.float32]:
        if any("fox" in text for text in texts) and len(texts) > 1:
            with database.write() as session:
                books.delete(session, library["fox"])
        return embedder(texts)

    index = PassageIndex(database, folder, deleting, embedder.name)
    index.complete()
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
    index.complete()
    assert {hit.book_id for hit in index.search("fox", 100)} == {library["whale"], library["clock"]}


def test_a_new_text_while_the_last_batch_is_embedded(
    database: Database, library: dict[str, str], folder: Path, embedder: Embedder
) -> None:
    text = "The white fox sleeps."
    edition = Edition(text, "c" * 64, [ChapterSpan("", 0, len(text))], [PassageSpan(0, 0, len(text))])

    def revising(texts: Sequence[str]) -> NDArray[np.float32]:
        if any("red fox" in each for each in texts):
            with database.write() as session:
                revisions.add(session, library["fox"], edition)
        return embedder(texts)

    index = PassageIndex(database, folder, revising, embedder.name)
    index.complete()
    assert index.waiting() == []
    [hit] = index.search("white fox", 9, [library["fox"]])
    assert hit.dense == pytest.approx(float(embedder([text])[0] @ embedder(["white fox"])[0]))


def test_embedding_goes_on_where_it_stopped(
    database: Database, library: dict[str, str], index: PassageIndex, embedder: Embedder
) -> None:
    assert next(index.embed(library["fox"])) == Embedded(2, 3)
    assert list(index.embed(library["fox"])) == [Embedded(3, 3)]
    assert len(embedder.texts) == len(set(embedder.texts)) == 3
    assert list(index.embed(library["fox"])) == list(index.embed("book_none")) == []


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
    index.complete()
    index.complete()
    assert len(index.search("fox", 100)) == 10
    assert index.search("Who guards the bridge? A dragon.", 1)[0].book_id == added[0]

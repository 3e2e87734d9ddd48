from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.parsing.text.headings import chapters
from store import books, versions
from store.database import Database
from store.editions import Edition
from store.segmentation import passages
from store.tables import Book, Version
from tests.databases import new_database
from tests.postgres import Server

BASE_MODEL: dict[str, Any] = {
    "id": "some/llm",
    "revision": None,
    "hidden_size": 576,
    "quantization": "none",
    "dtype": "float32",
}

# For tests of what only one of the two has, such as SQLite's files and locks.
sqlite_only = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@pytest.fixture(scope="session")
def migrated_server(server: Server) -> Server:
    """A server with a migrated database to copy, `migrated`."""
    server.create("migrated")
    database = Database(server.url("migrated"))
    database.migrate()
    database.close()
    return server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new database with all tables, of each kind in turn."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        new_database(path).close()
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("migrated_server").database("migrated") as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new database without tables, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with request.getfixturevalue("server").database() as url:
            yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def _add_book(
    session: Session,
    text: str,
    title: str = "A book",
    max_tokens: int = 12,
    author: str | None = None,
    tags: Sequence[str] = (),
    language: str | None = "en",
) -> Book:
    spans = chapters(text, "txt")
    book, _ = books.add(
        session,
        Edition(
            text,
            sha256(text.encode()).hexdigest(),
            spans,
            passages(text, spans, lambda piece: len(piece.split()), max_tokens),
            filename="book.txt",
        ),
        title=title,
        author=author,
        language=language,
        tags=tags,
    )
    return book


@pytest.fixture
def add_book() -> Callable[..., Book]:
    return _add_book


@pytest.fixture
def publish() -> Callable[..., Version]:
    def publish(
        session: Session,
        book_id: str,
        *artifacts: bytes,
        model: str = "some/llm",
        parent: int | None = None,
        job_id: str | None = None,
        skill_id: str | None = None,
        study_id: str | None = None,
    ) -> Version:
        return versions.publish(
            session,
            book_id=book_id,
            members=[
                versions.NewMember(artifact=artifact, seed=seed, metrics={"loss": 1.5})
                for seed, artifact in enumerate(artifacts or (b"first member", b"second member"))
            ],
            recipe={"steps": 4},
            base_model=BASE_MODEL | {"id": model, "revision": "abc"},
            metrics={"loss": 1.25},
            parent=parent,
            job_id=job_id,
            who="test",
            skill_id=skill_id,
            study_id=study_id,
        )

    return publish


@pytest.fixture
def book(database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]) -> str:
    """A book of four versions, each with bytes of its own and some that all share."""
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        for number in range(1, 5):
            publish(session, book_id, b"own %d" % number, b"shared")
    return book_id


class Embedder:
    """Words hashed to 64 numbers: real vectors, without a model. Remembers what it was given."""

    name = "hashing@1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, crc32(word.strip(".,!?").encode()) % 64] += 1
            vectors[row] /= max(float(np.linalg.norm(vectors[row])), 1.0)
        return vectors


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()

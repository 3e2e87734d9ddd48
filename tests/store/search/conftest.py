from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.database import Database
from store.search.index import PassageIndex
from store.tables import Book
from tests.store.conftest import Embedder

FOX = "The red fox lives under the oak. It hunts at night. Its den is warm."
WHALE = "The blue whale sings in the ocean. Sailors hear it from far away. It dives deep."
CLOCK = "The old clock stands in the hall. It strikes thirteen. Nobody in the village repairs it."


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
def index(database: Database, folder: Path, embedder: Embedder) -> Iterator[PassageIndex]:
    index = PassageIndex(database, folder, embedder, embedder.name, batch_size=2)
    yield index
    index.settle()

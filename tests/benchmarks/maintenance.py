"""How long backup, restore, verify and rebuild take, on SQLite and, where it is installed, on PostgreSQL.

    python -m tests.benchmarks.maintenance --books 100

A book has 1,000 passages of 100 words, a vector of 384 numbers for each, and 8 members of 230 kB. Nothing of
it means anything; the sizes are those of the embedded LLM and embedder.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store import books, versions
from store.backup import backup, restore
from store.database import Database
from store.editions import Edition
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, PassageSpan
from store.verify import verify
from tests import postgres

PASSAGES = 1000
EMBEDDER = "random@1"
BASE: dict[str, Any] = {
    "id": "none",
    "revision": None,
    "hidden_size": 576,
    "quantization": "none",
    "dtype": "float32",
}


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of 384 numbers, without a meaning."""
    vectors = np.random.default_rng(len(texts)).standard_normal((len(texts), 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def fill(database: Database, count: int, first: int = 0) -> None:
    """Add books with a version each; their numbers begin with `first`."""
    random = np.random.default_rng(first)
    for number in range(first, first + count):
        words = random.integers(50_000, size=(PASSAGES, 100)).astype(str)
        lines = [" ".join(row) for row in words]
        text = "\n".join(lines)
        ends = np.cumsum([len(line) + 1 for line in lines])
        spans = [
            PassageSpan(0, int(end) - len(line) - 1, int(end) - 1)
            for line, end in zip(lines, ends, strict=True)
        ]
        digest = hashlib.sha256(text.encode()).hexdigest()
        edition = Edition(text, digest, [ChapterSpan("", 0, len(text))], spans)
        with database.write() as session:
            book, _ = books.add(session, edition, title=f"Book {number}")
            versions.publish(
                session,
                book_id=book.id,
                members=[versions.NewMember(random.bytes(230_400), seed) for seed in range(8)],
                recipe={},
                base_model=BASE,
                metrics={},
                parent=None,
                job_id=None,
                who="benchmark",
            )


def timed(what: str, work: Callable[[], object]) -> None:
    """Print how long the work takes."""
    start = perf_counter()
    work()
    print(f"{what}: {perf_counter() - start:.1f} s", flush=True)


def measured(database: Database, folder: Path, name: str) -> Path:
    """Print the figures of one database; return its backup."""
    index = PassageIndex(database, folder / name, embed, EMBEDDER, batch_size=1000)
    timed(f"{name} rebuild", index.rebuild)
    timed(f"{name} verify", lambda: verify(database, folder / name, EMBEDDER))
    kept = folder / f"{name}-kept.db"
    timed(f"{name} backup", lambda: backup(database, kept))
    print(f"{name} backup: {kept.stat().st_size / 1e6:,.0f} MB", flush=True)
    return kept


def main() -> None:
    """Measure SQLite, then PostgreSQL with the same library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--books", type=int, default=100)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        first = stack.enter_context(closing(Database(f"sqlite:///{folder / 'first.db'}")))
        first.migrate()
        fill(first, asked.books)
        PassageIndex(first, folder / "first", embed, EMBEDDER, batch_size=1000).complete()
        kept = measured(first, folder, "sqlite")
        second = stack.enter_context(closing(Database(f"sqlite:///{folder / 'second.db'}")))
        timed("sqlite restore", lambda: restore(second, kept))
        binaries = postgres.programs()
        if binaries is not None:
            url = stack.enter_context(stack.enter_context(postgres.running(binaries)).database())
            third = stack.enter_context(closing(Database(url)))
            timed("postgresql restore", lambda: restore(third, kept))
            measured(third, folder, "postgresql")


if __name__ == "__main__":
    main()

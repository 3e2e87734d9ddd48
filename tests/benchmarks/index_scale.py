"""How the index grows: making it, loading it, a new book, and what a search costs and finds.

    python -m tests.benchmarks.index_scale [--sizes 4000 100000 1000000] [--like FILE] [--kept FOLDER]
        [--stemmers NAME ...]

Books have 1,000 passages of 100 words, drawn from 50,000 by Zipf's law, and the stemmers in turn. Vectors
have 384 numbers and lie around random centres (one for each 100), as passages of one book lie near each
other; or they are mixtures of two rows of FILE, a .npy of real vectors, with some noise. There are two
kinds of questions of 8 words, each asked one at a time: with the words and near the vector of a passage,
as readers ask, and with words and a vector drawn anew, which fit no passage. Recall@8 is the share of the
best eight by the exact scores of all passages that are found: by the ranking, and by meaning alone. CPU
time tells what a search costs beside other work; elapsed time is what it took here.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from app.bench.scale.spread import Spread
from store.search.faiss_snapshot import FaissSnapshot
from store.search.fusion import fuse
from store.search.library_index import LibraryIndex, PassageState
from store.search.library_words import LibraryWords, Row
from store.search.stemmers import BY_SCRIPT
from store.search.threshold_ranking import rank

DIMENSION = 384
BOOK = 1000
QUESTIONS = 200
NAMES = np.array([f"w{number}" for number in range(50_000)])
Vectors = NDArray[np.float32]


def words(book: int) -> NDArray[np.int64]:
    """The words of a book's passages [1000, 100]."""
    drawn: NDArray[np.int64] = np.random.default_rng(book).zipf(1.2, (BOOK, 100)) % len(NAMES)
    return drawn


def rows(books: range) -> Iterator[Row]:
    """The passages of these books."""
    for book in books:
        for place, row in enumerate(words(book)):
            yield book * BOOK + place + 1, f"book {book}", " ".join(NAMES[row])


def around_centres(count: int) -> Vectors:
    """Unit rows [count, 384], each near one of a hundredth as many centres."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((max(1, count // 100), DIMENSION), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    found = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 100_000):
        part = found[start : start + 100_000]
        part[:] = centres[random.integers(len(centres), size=len(part))]
        part += 0.06 * random.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def mixtures(count: int, real: Vectors) -> Vectors:
    """Unit rows [count, 384], each of two real ones, the second weighing up to as much as the first."""
    random = np.random.default_rng(0)
    found = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 100_000):
        part = found[start : start + 100_000]
        one, other = random.integers(len(real), size=(2, len(part)))
        part[:] = real[one] + random.random((len(part), 1), dtype=np.float32) * real[other]
        part += 0.02 * random.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def questions(index: LibraryIndex, kind: str) -> Iterator[tuple[str, Vectors]]:
    """The words of each question and its vector [1, 384]."""
    random = np.random.default_rng(1)
    for _ in range(QUESTIONS):
        one, other = random.integers(len(index.dense.ids), size=2)
        asked = random.choice(words(int(one) // BOOK)[one % BOOK], 8, replace=False)
        vector = index.dense.vectors(int(one), 1) + 0.03 * random.standard_normal(
            (1, DIMENSION), dtype=np.float32
        )
        if kind == "fits no passage":
            asked = random.zipf(1.2, 8) % len(NAMES)
            vector = vector + index.dense.vectors(int(other), 1)
        yield " ".join(NAMES[asked]), (vector / np.linalg.norm(vector)).astype(np.float32)


def searched(index: LibraryIndex, kind: str) -> dict[str, float]:
    """Milliseconds of a search, and recalls."""
    measured: dict[str, list[float]] = {"": [], "cpu_": []}
    found: list[float] = []
    nearest: list[float] = []
    for question, vector in questions(index, kind):
        started = time.perf_counter(), time.thread_time()
        ranking = rank(index.dense.score(vector), index.words.passages.score(question), 8)
        measured[""].append(1000 * (time.perf_counter() - started[0]))
        measured["cpu_"].append(1000 * (time.thread_time() - started[1]))
        by_meaning = index.dense.score(vector).best(8)[0]
        exact = index.dense.score(vector).all()
        fused = fuse(exact, index.words.passages.score(question).all())
        for ids, scores, recalls in ((ranking.ids, fused, found), (by_meaning, exact, nearest)):
            best = index.dense.ids[np.argsort(-scores, kind="stable")[:8]]
            recalls.append(len(np.intersect1d(ids, best)) / 8)
    row: dict[str, float] = {}
    for name, milliseconds in measured.items():
        spread = Spread.of(milliseconds)
        row |= {f"{name}p50_ms": spread.p50, f"{name}p99_ms": spread.p99}
    row |= {"recall@8": float(np.mean(found)), "recall@8 by meaning": float(np.mean(nearest))}
    return {name: round(value, 3) for name, value in row.items()}


class Stopwatch:
    """Figures by their names, seconds among them; printed as they come."""

    def __init__(self) -> None:
        self.figures: dict[str, object] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long what is done within takes."""
        started = time.perf_counter(), time.process_time()
        yield
        passed = time.perf_counter() - started[0], time.process_time() - started[1]
        self.note(name, f"{passed[0]:.1f} s, {passed[1]:.1f} s of CPU")

    def note(self, name: str, figure: object) -> None:
        """Keep a figure."""
        self.figures[name] = figure
        print(f"{name}: {figure}", flush=True)


def stemmed(books: range, stemmers: Sequence[str]) -> dict[str, str]:
    """The stemmer of each of these books."""
    return {f"book {book}": stemmers[book % len(stemmers)] for book in books}


def make(size: int, every: Vectors, stemmers: Sequence[str], folder: Path, watch: Stopwatch) -> None:
    """Index so many passages, and keep the index in the folder."""
    with watch.timed("vectors indexed"):
        dense = FaissSnapshot.build(np.arange(1, size + 1), every)
    if dense.lists_are_due():
        with watch.timed("lists made"):
            dense = dense.with_lists()
    with watch.timed("words indexed"):
        books = range(size // BOOK)
        lexicon = LibraryWords.build(rows(books), stemmed(books, stemmers))
    with watch.timed("saved"):
        LibraryIndex(PassageState(size, size, size), dense, lexicon).save(folder, "none")


def measured(
    size: int, vectors: Callable[[int], Vectors], stemmers: Sequence[str], folder: Path
) -> dict[str, object]:
    """Every figure of a library of so many passages, and one book more."""
    watch = Stopwatch()
    watch.note("passages", size)
    if not (folder / "passages.json").exists():
        make(size, vectors(size), stemmers, folder, watch)
    watch.note("megabytes", {file.name: round(file.stat().st_size / 1e6) for file in folder.iterdir()})
    with watch.timed("loaded"):
        index = LibraryIndex.open(folder, "none")
    for kind in ("about a passage", "fits no passage"):
        watch.note(kind, searched(index, kind))
    new, state = range(size // BOOK, size // BOOK + 1), PassageState(size + BOOK, size + BOOK, size + BOOK)
    with watch.timed("a new book indexed"):
        dense = index.dense.updated(
            np.ones(size, dtype=bool), np.arange(size + 1, size + BOOK + 1), index.dense.vectors(0, BOOK)
        )
        lexicon = index.words.updated(set(index.words.book_ids), rows(new), stemmed(new, stemmers))
        more = LibraryIndex(state, dense, lexicon)
    with TemporaryDirectory(dir=folder) as beside, watch.timed("a new book saved"):
        more.save(Path(beside), "none")
    watch.note("peak gigabytes", round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1))
    return watch.figures


def main() -> None:
    """Print the figures of each size as they come, and all as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4_000, 100_000, 1_000_000])
    parser.add_argument("--like", type=Path)
    parser.add_argument("--stemmers", nargs="+", default=[BY_SCRIPT], help="of the books, in turn")
    parser.add_argument(
        "--kept", type=Path, help="keep the indexes in this folder, and make none that is there"
    )
    asked = parser.parse_args()
    real = None if asked.like is None else np.load(asked.like)
    found = []
    with TemporaryDirectory() as temporary:
        for size in asked.sizes:
            folder = (asked.kept or Path(temporary)) / "-".join(
                [str(size), *(["like"] if real is not None else []), *asked.stemmers]
            )
            vectors = around_centres if real is None else partial(mixtures, real=real)
            found.append(measured(size, vectors, asked.stemmers, folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

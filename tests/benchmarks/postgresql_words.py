"""Whether a library on PostgreSQL is better searched by PostgreSQL's own text search than by our BM25.

    python -m tests.benchmarks.postgresql_words --data PATH [--cache FILE] [--sample N] [--size N]

PATH holds FairytaleQA's `train/` and `val/`. Every story of both is a book of one library and its sections
are the passages, in our index and in a PostgreSQL server that is started for it. A passage matches if it has
any lexeme of the question; with "all first", those that have every lexeme stand before the others. Of
PostgreSQL's rankings, and of the weights with which they are fused with the vectors, those are taken that are
best on a sample of train's questions. Figures are of val's, with 95% intervals by story, and of the paired
difference from our index. The cost is measured on this library, and on copies of it in which rare words are
exchanged for one another, up to `--size` passages: one question at a time, both ways in turn. The cache keeps
vectors.
"""

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.bench.scale.spread import Spread
from app.datasets.loading import load_dataset
from app.datasets.metrics import interval, paired_interval
from app.datasets.questions import Dataset, LabelledQuestion
from store.search.fusion import fuse
from store.search.library_words import LibraryWords, Row
from tests import postgres
from tests.question_library import Floats, Vectors
from tests.text_search import RANKINGS, Ranking, TextSearch, named, shares

COLUMNS = ("book@1", "inside@5", "library@5")
DENSE_WEIGHTS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
# Words of fewer of 100 passages than this are rare.
RARE = 1
TIMED = 200


@dataclass(frozen=True)
class Asked:
    """Questions of one split, and what is right; scores [questions, passages] of ours and of PostgreSQL's.

    `books` has the number of each passage's book. PostgreSQL's are shares of the best passage's.
    """

    questions: list[LabelledQuestion]
    right: list[int]
    gold: list[NDArray[np.int64]]
    books: NDArray[np.int64]
    dense: Floats
    lexical: Floats
    theirs: dict[Ranking, Floats]
    # Questions of which one passage has all lexemes.
    whole: float

    @property
    def stories(self) -> list[str]:
        return [question.story for question in self.questions]

    def found(self, scores: Floats) -> Floats:
        """Whether each question has what the columns say [questions, columns]; of equals the first counts."""
        rows = []
        for row, right, gold in zip(scores, self.right, self.gold, strict=True):
            inside = np.flatnonzero(self.books == right)
            places = _place(row[inside], np.searchsorted(inside, gold)), _place(row, gold)
            rows.append([self.books[row.argmax()] == right, *(place < 5 for place in places)])
        return np.array(rows, dtype=np.float32)


def _place(scores: Floats, wanted: NDArray[np.int64]) -> int:
    """How many stand before the best of those wanted."""
    return min(int((scores > scores[each]).sum() + (scores[:each] == scores[each]).sum()) for each in wanted)


def ask(questions: list[LabelledQuestion], library: Dataset, vectors: Vectors, url: str) -> Asked:
    """Ask our index and PostgreSQL about the stories of the library."""
    rows = rows_of(library)
    words, search = LibraryWords.build(rows), TextSearch(url, rows)
    texts = [question.text for question in questions]
    dense = vectors.of("questions", texts) @ vectors.of("passages", [text for _, _, text in rows]).T
    lexical = np.stack([words.passages.score(text).all() for text in texts])
    theirs = {each: np.zeros_like(lexical) for each in RANKINGS}
    whole = 0
    for number, text in enumerate(texts):
        found = search.scores(text)
        whole += bool(found[:, 1].any())
        for ranking, scores in shares(found, words.ids):
            theirs[ranking][number] = scores
    search.close()
    numbers = {story.name: number for number, story in enumerate(library.stories)}
    sizes = [len(story.sections) for story in library.stories]
    first = np.cumsum([0, *sizes])
    right = [numbers[each.story] for each in questions]
    gold = [first[book] + np.array(each.gold) for book, each in zip(right, questions, strict=True)]
    books = np.repeat(np.arange(len(sizes)), sizes)
    return Asked(questions, right, gold, books, dense, lexical, theirs, whole / len(questions))


def rows_of(library: Dataset) -> list[Row]:
    """The sections of all stories as passages, numbered from 1."""
    sections = [(story.name, section) for story in library.stories for section in story.sections]
    return [(number, book, text) for number, (book, text) in enumerate(sections, 1)]


def tell(what: str, asked: Asked, scores: Floats, ours: Floats | None = None) -> None:
    """Print a row: each column's share with its interval, and with that of the difference from ours."""
    cells = [what]
    before = None if ours is None else asked.found(ours).T.tolist()
    for column, met in enumerate(asked.found(scores).T.tolist()):
        low, high = interval(met, asked.stories)
        cells.append(f"{np.mean(met):.3f} [{low:.3f}, {high:.3f}]")
        if before is not None:
            low, high = paired_interval(met, before[column], asked.stories)
            cells[-1] += f"; {np.mean(met) - np.mean(before[column]):+.3f} [{low:+.3f}, {high:+.3f}]"
    print(f"| {' | '.join(cells)} |", flush=True)


def quality(train: Asked, val: Asked) -> Ranking:
    """Print what is found by words alone and with the vectors; the ranking that is best on train."""

    def on_train(scores: Floats) -> float:
        return float(train.found(scores).mean())

    print(f"{len(train.questions)} questions of train, {len(val.questions)} of val")
    print(f"one passage has all lexemes: {val.whole:.3f} of val's questions")
    print(f"| | {' | '.join(COLUMNS)} |\n{'|---' * 4}|")
    tell("words: ours", val, val.lexical)
    for ranking, scores in val.theirs.items():
        learned = f"(train {on_train(train.theirs[ranking]):.3f})"
        tell(f"words: {named(ranking)} {learned}", val, scores, val.lexical)
    both = fuse(val.dense, val.lexical)
    tell("vectors alone", val, val.dense, both)
    tell("both: ours", val, both)
    weighted = {
        (ranking, weight): on_train(fuse(train.dense, scores, weight))
        for ranking, scores in train.theirs.items()
        for weight in DENSE_WEIGHTS
    }
    ranking, weight = max(weighted, key=lambda each: weighted[each])
    fused = fuse(val.dense, val.theirs[ranking], weight)
    tell(f"both: {named(ranking)}, vectors {weight}", val, fused, both)
    return max(RANKINGS, key=lambda each: on_train(train.theirs[each]))


def copies(rows: Sequence[Row], size: int) -> list[Row]:
    """So many passages: these, and copies in which rare words are exchanged for one another."""
    count = Counter(each for _, _, text in rows for each in set(re.findall(r"\w+", text)))
    rare = [each for each, passages in count.items() if 100 * passages < RARE * len(rows)]
    drawn, found = random.Random(0), list(rows)
    for copy in range(1, size // len(rows) + 1):
        other = dict(zip(rare, drawn.sample(rare, len(rare)), strict=True))
        for _, book, text in rows:
            parts: list[str] = re.findall(r"\w+|\W+", text)
            changed = "".join(other.get(part, part) for part in parts)
            found.append((len(found) + 1, f"{book}-{copy}", changed))
    return found[:size]


def cost(url: str, rows: Sequence[Row], questions: Sequence[str], ranking: Ranking) -> None:
    """Print what both cost over these passages: to be made, to be kept, and to find the best eight."""
    clock = time.process_time()
    ours = LibraryWords.build(rows)
    built = time.process_time()
    search = TextSearch(url, rows)
    before = search.cpu_seconds()
    building = built - clock, time.process_time() - built + before
    taken: tuple[list[float], list[float]] = [], []
    computed = 0.0
    for question in questions:
        started, clock = time.perf_counter(), time.thread_time()
        ours.passages.score(question).best(8)
        found = time.perf_counter()
        computed += time.thread_time() - clock
        search.best(question, ranking, 8)
        for one, each in zip(taken, (found - started, time.perf_counter() - found), strict=True):
            one.append(1000 * each)
    table, gin = search.bytes()
    sizes = sum(array.nbytes for array in ours.arrays().values()) / 1e6, (table + gin) / 1e6
    computing = computed, search.cpu_seconds() - before
    search.close()
    for which, name in enumerate(("ours", named(ranking))):
        spread, cpu = Spread.of(taken[which]), 1000 * computing[which] / len(questions)
        told = f"{building[which]:.1f} s | {sizes[which]:.0f} MB | {spread.p50:.1f}, {spread.p99:.1f} ms"
        print(f"| {len(rows):,} | {name} | {told} | {cpu:.1f} ms |", flush=True)


def measure(url: str, data: Path, cache: Path | None, sample: int, size: int) -> None:
    """Print all."""
    splits = [load_dataset(data / name) for name in ("train", "val")]
    library = Dataset([story for split in splits for story in split.stories], [])
    train, val = ([each for each in split.questions if each.gold] for split in splits)
    train = random.Random(0).sample(train, min(sample, len(train)))
    vectors = Vectors(cache)
    ranking = quality(*(ask(questions, library, vectors, url) for questions in (train, val)))
    questions = [each.text for each in random.Random(1).sample(val, min(TIMED, len(val)))]
    print("| passages | words by | CPU to build | bytes | a question, p50 and p99 | CPU of one |")
    print(f"{'|---' * 6}|")
    for rows in (rows_of(library), copies(rows_of(library), size)):
        cost(url, rows, questions, ranking)


def main() -> None:
    """Start a server, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--sample", type=int, default=300, help="questions of train")
    parser.add_argument("--size", type=int, default=100_000, help="passages of the larger library")
    given = parser.parse_args()
    binaries = postgres.programs()
    assert binaries is not None, "PostgreSQL is not installed"
    with postgres.running(binaries) as server, server.database() as url:
        measure(url, given.data, given.cache, given.sample, given.size)


if __name__ == "__main__":
    main()

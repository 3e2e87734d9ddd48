"""Whether passages are found better when synthetic questions about them are indexed beside them.

    .venv/bin/python -m tests.benchmarks.indexed_questions --data PATH --questions FILE [--cache FILE]

PATH holds FairytaleQA's `train/` and `val/`. FILE has a line of JSON for each section: `story`, its place
`section`, from 0, and `questions`, as an LLM wrote them. The library is every story with a line for each
section, so that no story is easier to find for its questions alone. Each way of indexing is fused with the
weights that are best on train's questions; its intervals (95%, bootstrap over stories) are those of the
difference from today's index on val. The cache keeps vectors.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.datasets.loading import load_dataset
from store.search.bm25 import BM25Index
from store.search.fusion import fuse
from store.search.stemming import StemmedTexts
from tests.question_library import Asked, Floats, Library, Vectors, asked_of, library_of

COLUMNS = ("book@1", "inside@1", "inside@3", "inside@5", "library@1", "library@3", "library@5")
# What the weights are chosen by: the mean of these columns on train.
AIMS = [0, 3, 4, 6]
DENSE_WEIGHTS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
QUESTION_WEIGHTS = (0.6, 0.7, 0.8, 0.9, 1.0)
RESAMPLES = 2000


def found(asked: Asked, scores: Floats, library: Library) -> Floats:
    """Whether each question has what columns say [questions, columns], by scores [questions, passages]."""
    rows = []
    for row, book, gold in zip(scores, asked.books, asked.gold, strict=True):
        inside, best = row[library.books == book], row[gold].max()
        before = [int((ranked > best).sum()) for ranked in (inside, row)]
        rows.append(
            [library.books[row.argmax()] == book, *(place < k for place in before for k in (1, 3, 5))]
        )
    return np.array(rows, dtype=np.float32)


def interval(differences: Floats, books: NDArray[np.int64]) -> NDArray[np.float64]:
    """The 95% intervals [2, columns] of mean differences, by resampling the books."""
    each = np.unique(books)
    sums = np.stack([differences[books == book].sum(0) for book in each])
    counts = np.array([(books == book).sum() for book in each])
    drawn = np.random.default_rng(0).integers(len(each), size=(RESAMPLES, len(each)))
    low_high: NDArray[np.float64] = np.quantile(
        sums[drawn].sum(1) / counts[drawn].sum(1)[:, None], (0.025, 0.975), axis=0
    )
    return low_high


class Sides:
    """Scores [questions, passages] of one split by words and meaning, with some of the written questions."""

    def __init__(self, asked: Asked, library: Library, kept: NDArray[np.bool_]) -> None:
        about = library.about[kept]
        written = [text for text, keep in zip(library.written, kept, strict=True) if keep]
        texts = list(library.texts)
        for passage, text in zip(about, written, strict=True):
            texts[passage] += f"\n{text}"
        order = np.argsort(about, kind="stable")
        owners, starts = np.unique(about[order], return_index=True)

        def nearest(scores: Floats, nothing: float) -> Floats:
            best = np.full((len(scores), len(texts)), nothing, dtype=np.float32)
            best[:, owners] = np.maximum.reduceat(scores[:, order], starts, axis=1)
            return best

        def by_words(documents: list[str]) -> Floats:
            index = BM25Index.build(range(len(documents)), StemmedTexts(documents))
            return np.stack([index.score(text).all() for text in asked.questions])

        self.words, self.appended = by_words(library.texts), by_words(texts)
        self.own_words = nearest(by_words(written), 0)
        self.meaning = asked.vectors @ library.vectors.T
        self.nearest = nearest(asked.vectors @ library.written_vectors[kept].T, -1)

    def ways(self) -> Iterator[tuple[str, float, Floats, Floats]]:
        """Each way with a weight of questions, and its scores by meaning and by words."""
        yield "today", 0, self.meaning, self.words
        yield "words: appended to the passage", 1, self.meaning, self.appended
        yield (
            "words: appended, mean with the passage alone",
            0.5,
            self.meaning,
            (0.5 * self.words + 0.5 * self.appended),
        )
        for weight in QUESTION_WEIGHTS:
            apart = np.maximum(self.words, weight * self.own_words)
            near = np.maximum(self.meaning, weight * self.nearest)
            yield "words: documents of their own, the larger", weight, self.meaning, apart
            yield "meaning: the nearest question, if larger", weight, near, self.words
            yield "both: appended, and the nearest question", weight, near, self.appended
            yield "both: documents of their own, and the nearest", weight, near, apart


def round_trip(library: Library) -> NDArray[np.bool_]:
    """Whether today's index finds a question's own passage first in its book (a filter as in 2301.03266)."""
    index = BM25Index.build(range(len(library.texts)), StemmedTexts(library.texts))
    words = np.stack([index.score(text).all() for text in library.written])
    scores = fuse(library.written_vectors @ library.vectors.T, words)
    scores[library.books[library.about][:, None] != library.books[None]] = -1
    kept: NDArray[np.bool_] = scores.argmax(1) == library.about
    return kept


def projections(library: Library, shared: bool) -> Iterator[tuple[str, Floats]]:
    """Matrices [384, 384] for vectors of questions (and of passages, if `shared`), learned from the library.

    InfoNCE (1807.03748) of written questions against all passages, and against those of the same book; decay
    towards the identity, where it starts.
    """
    passages, written = torch.tensor(library.vectors), torch.tensor(library.written_vectors)
    about, books = torch.tensor(library.about), torch.tensor(library.books)
    identity = torch.eye(passages.shape[1])
    for decay in (0.003, 0.03, 0.3):
        torch.manual_seed(0)
        matrix = identity.clone().requires_grad_()
        optimiser = torch.optim.Adam([matrix], lr=1e-3)
        started = time.perf_counter()
        for step in range(1, 401):
            drawn = torch.randint(len(written), (256,))
            asked = torch.nn.functional.normalize(written[drawn] @ matrix.T)
            among = torch.nn.functional.normalize(passages @ matrix.T) if shared else passages
            scores = asked @ among.T / 0.05
            elsewhere = books[about[drawn]][:, None] != books[None]
            loss = sum(
                torch.nn.functional.cross_entropy(each, about[drawn])
                for each in (scores, scores.masked_fill(elsewhere, -1e4))
            )
            loss = loss + decay * (matrix - identity).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step in (50, 150, 400):
                spent = time.perf_counter() - started
                yield f"decay {decay}, {step} steps, {spent:.0f} s", matrix.detach().numpy().copy()


def projected(asked: Asked, library: Library, matrix: Floats, shared: bool) -> Floats:
    """Similarities [questions, passages] after the projection."""

    def unit(vectors: Floats) -> Floats:
        moved = vectors @ matrix.T
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)

    return np.asarray(unit(asked.vectors) @ (unit(library.vectors) if shared else library.vectors).T)


def measure(library: Library, train: Asked, val: Asked) -> None:
    """Print today's figures, then those of each way, with its differences from today's."""
    everything = np.ones(len(library.written), dtype=bool)
    kept = round_trip(library)
    print(f"{kept.mean():.0%} of the written questions lead back to their passage")
    sides = [Sides(each, library, everything) for each in (train, val)]
    today = found(val, fuse(sides[1].meaning, sides[1].words), library)
    best: dict[str, tuple[float, str, Floats]] = {}

    def consider(way: str, setting: str, on_train: Sequence[Floats], on_val: Sequence[Floats]) -> None:
        for weight in DENSE_WEIGHTS:
            aim = float(found(train, fuse(on_train[0], on_train[1], weight), library)[:, AIMS].mean())
            if way not in best or aim > best[way][0]:
                rows = found(val, fuse(on_val[0], on_val[1], weight), library)
                best[way] = aim, f"{setting}, dense {weight}", rows

    filtered = [Sides(each, library, kept) for each in (train, val)]
    for label, both in (("", sides), ("round trip, ", filtered)):
        for (way, weight, *on_train), (_, _, *on_val) in zip(both[0].ways(), both[1].ways(), strict=True):
            if way != "today" or not label:
                consider(label + way, f"weight {weight}", on_train, on_val)
    for shared in (False, True):
        way = f"projection of questions{' and passages' if shared else ''}"
        for setting, matrix in projections(library, shared):
            on = [
                (projected(each, library, matrix, shared), side.words)
                for each, side in zip((train, val), sides, strict=True)
            ]
            consider(way, setting, *on)
    print(f"{'':48}" + "".join(f"{column:>10}" for column in COLUMNS))
    print(f"{'as it is':48}" + "".join(f"{value:10.3f}" for value in today.mean(0)))
    for way, (_, setting, rows) in best.items():
        print(f"{way:48}" + "".join(f"{value:10.3f}" for value in rows.mean(0)) + f"   {setting}")
        low, high = interval(rows - today, val.books)
        gains = (rows - today).mean(0)
        print(
            f"{'':48}"
            + "; ".join(
                f"{COLUMNS[column]} {gains[column]:+.3f} [{low[column]:+.3f}, {high[column]:+.3f}]"
                for column in AIMS
            )
        )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.questions.read_text(encoding="utf-8").splitlines()]
    written = {(line["story"], line["section"]): line["questions"] for line in lines}
    splits = [load_dataset(given.data / name) for name in ("train", "val")]
    stories = [
        story
        for split in splits
        for story in split.stories
        if all((story.name, place) in written for place in range(len(story.sections)))
    ]
    vectors = Vectors(given.cache)
    library = library_of(stories, written, vectors)
    measure(library, *(asked_of(split.questions, stories, vectors) for split in splits))


if __name__ == "__main__":
    main()

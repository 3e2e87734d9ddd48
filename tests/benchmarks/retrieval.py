"""Which book and which passages are found for FairytaleQA's questions: by meaning, by words, by both.

    .venv/bin/python -m tests.benchmarks.retrieval --data PATH [--cache FOLDER]

PATH holds `train/` and `val/`. Every story of both is a book and its sections are the passages, in the real
store with the real embedder. Weights are chosen on the sample of train, never on val. The cache keeps the
store, so that the passages are embedded once.
"""

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.datasets.loading import load_dataset
from app.datasets.questions import LabelledQuestion, Story
from app.engine.embedder import WheelEmbedder
from store import books
from store.database import Database
from store.editions import Edition
from store.passages import passages_of_book
from store.search.bm25 import BM25Index
from store.search.index import Hit, PassageIndex
from store.search.stemming import StemmedTexts
from store.segmentation import ChapterSpan, PassageSpan

# Of a passage, by its scores and by that of its whole book's words.
Score = Callable[[Hit, float], float]
COLUMNS = ("book@1", "inside@1", "inside@3", "inside@5", "library@1", "library@3", "library@5")
RANKINGS: dict[str, Score] = {
    "dense": lambda hit, _: hit.dense,
    "lexical": lambda hit, _: hit.lexical,
    "fused": lambda hit, _: hit.score,
}
DENSE_WEIGHTS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5)
BOOK_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Asked:
    """What the index says of a question, and what is right: a book and the passages with the answer.

    `whole` has the score of each book by its words, as one document.
    """

    hits: list[Hit]
    whole: dict[str, float]
    book: str
    gold: set[int]


def add(database: Database, story: Story) -> tuple[str, list[int]]:
    """Put a story into the store, if it is not there; return its id and those of its passages."""
    text = "\n\n".join(story.sections)
    starts = np.cumsum([0, *(len(section) + 2 for section in story.sections)]).tolist()
    with database.write() as session:
        book, _ = books.add(
            session,
            Edition(
                text,
                sha256(text.encode()).hexdigest(),
                [ChapterSpan(story.name, 0, len(text))],
                [
                    PassageSpan(0, start, start + len(section))
                    for start, section in zip(starts, story.sections, strict=False)
                ],
            ),
            title=story.name,
        )
        return book.id, [passage.id for passage in passages_of_book(session, book.id)]


def found(asked: Asked, score: Score) -> list[bool]:
    """Whether the best passage is of the right book, and one of gold among the best, as the columns say."""
    ranked = sorted(asked.hits, key=lambda hit: score(hit, asked.whole[hit.book_id]), reverse=True)
    inside = [hit for hit in ranked if hit.book_id == asked.book]
    return [ranked[0].book_id == asked.book] + [
        any(hit.passage_id in asked.gold for hit in hits[:k]) for hits in (inside, ranked) for k in (1, 3, 5)
    ]


def recalls(asked: list[Asked], score: Score) -> list[float]:
    """The share of questions for which each column's aim was met."""
    return np.mean([found(each, score) for each in asked], axis=0).tolist()  # type: ignore[no-any-return]


def weighted(weight: float) -> Score:
    """Scores fused with another weight than the index's."""
    return lambda hit, _: weight * hit.dense + (1 - weight) * hit.lexical


def with_book(weight: float) -> Score:
    """The index's scores, and behind them those of whole books with this weight."""
    return lambda hit, book: hit.score + weight * book


def measure(data: Path, cache: Path, sample: int) -> dict[str, dict[str, list[float]]]:
    """Recalls by split and ranking; on train, of other weights too."""
    splits = {name: load_dataset(data / name) for name in ("train", "val")}
    cache.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{cache / 'retrieval.db'}")
    database.migrate()
    stories = {story.name: add(database, story) for dataset in splits.values() for story in dataset.stories}
    embedder = WheelEmbedder()
    index = PassageIndex(database, cache / "index", embedder, embedder.name)
    index.complete()
    passages = sum(len(ids) for _, ids in stories.values())
    texts = ["\n\n".join(story.sections) for dataset in splits.values() for story in dataset.stories]
    whole = BM25Index.build(range(len(texts)), StemmedTexts(texts))

    def ask(question: LabelledQuestion) -> Asked:
        book, ids = stories[question.story]
        by_words = whole.score(question.text).all().tolist()
        return Asked(
            index.search(question.text, passages),
            {each: score for (each, _), score in zip(stories.values(), by_words, strict=True)},
            book,
            {ids[section] for section in question.gold},
        )

    train = splits["train"].questions
    drawn = random.Random(0).sample(train, min(sample, len(train)))
    figures: dict[str, dict[str, list[float]]] = {}
    for name, questions in (("train", drawn), ("val", splits["val"].questions)):
        asked = [ask(question) for question in questions if question.gold]
        figures[name] = {ranking: recalls(asked, score) for ranking, score in RANKINGS.items()}
        for weight in BOOK_WEIGHTS:
            figures[name][f"book {weight}"] = recalls(asked, with_book(weight))
        if name == "train":
            for weight in DENSE_WEIGHTS:
                figures[name][f"dense {weight}"] = recalls(asked, weighted(weight))
    database.close()
    return figures


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--sample", type=int, default=1000)
    asked = parser.parse_args()
    with TemporaryDirectory() as temporary:
        figures = measure(asked.data, asked.cache or Path(temporary), asked.sample)
    print(" " * 18 + "".join(f"{column:>11}" for column in COLUMNS))
    for split, rankings in figures.items():
        for ranking, recall in rankings.items():
            print(f"{split:6}{ranking:12}" + "".join(f"{value:11.3f}" for value in recall))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

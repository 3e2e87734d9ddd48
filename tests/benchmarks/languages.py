"""Which book and which passages are found in each language of XQuAD: by words, by meaning, by both.

    .venv/bin/python -m tests.benchmarks.languages --data PATH [--embedder NAME] [--words]

PATH holds a folder a language, with `questions.jsonl` and its books, which are a library in the real store.
Book@1 is the share of questions whose book has the best passage of all; passage@5 the share for which one of
the five best passages of the right book holds an answer, of the questions for which any passage does. NAME is
what `BOOKCHORUS_EMBEDDER` takes; with `--words` nothing is embedded.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.datasets.loading import load_dataset
from app.datasets.questions import Dataset
from app.engine.embedder import EMBEDDED, Embedder, load_embedder
from app.settings import Settings
from store.database import Database
from store.search.bm25 import BM25Index
from store.search.index import Hit, PassageIndex
from store.search.stemming import StemmedTexts
from tests.benchmarks.retrieval import RANKINGS, add

# The places of a question's passages, the best first.
Ranked = Callable[[str], list[int]]


def measure(dataset: Dataset, rank: Ranked) -> tuple[float, float]:
    """Book@1 and passage@5."""
    texts = [section for story in dataset.stories for section in story.sections]
    owners = [story.name for story in dataset.stories for _ in story.sections]
    books, passages = [], []
    for question in dataset.questions:
        best = rank(question.text)
        books.append(owners[best[0]] == question.story)
        own = [place for place in best if owners[place] == question.story]
        told = [any(answer in texts[place] for answer in question.answers) for place in own]
        if any(told):
            passages.append(any(told[:5]))
    return float(np.mean(books)), float(np.mean(passages))


def by_words(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """The figures of words alone."""
    texts = [section for story in dataset.stories for section in story.sections]
    index = BM25Index.build(range(len(texts)), StemmedTexts(texts))
    return {
        "lexical": measure(
            dataset, lambda asked: np.argsort(-index.score(asked).all(), kind="stable").tolist()
        )
    }


def by_all(dataset: Dataset, embedder: Embedder, folder: Path) -> dict[str, tuple[float, float]]:
    """The figures of each ranking: meaning, words, both."""
    database = Database(f"sqlite:///{folder / 'library.db'}")
    database.migrate()
    places: dict[int, int] = {}
    for story in dataset.stories:
        for passage in add(database, story)[1]:
            places[passage] = len(places)
    index = PassageIndex(
        database, folder / "index", embedder, embedder.name, embed_questions=embedder.questions
    )
    index.complete()
    hits: dict[str, list[Hit]] = {}

    def ranked(question: str, ranking: str) -> list[int]:
        if question not in hits:
            hits[question] = index.search(question, len(places))
        score = RANKINGS[ranking]
        best = sorted(hits[question], key=lambda hit: score(hit, 0), reverse=True)
        return [places[hit.passage_id] for hit in best]

    try:
        return {name: measure(dataset, lambda asked, name=name: ranked(asked, name)) for name in RANKINGS}  # type: ignore[misc]
    finally:
        index.settle()
        database.close()


def main() -> None:
    """Print a row for each language and ranking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", default=EMBEDDED)
    parser.add_argument("--words", action="store_true")
    asked = parser.parse_args()
    embedder = None if asked.words else load_embedder(Settings(embedder=asked.embedder))
    for folder in sorted(each.parent for each in asked.data.glob("*/questions.jsonl")):
        dataset = load_dataset(folder / "questions.jsonl")
        with TemporaryDirectory() as temporary:
            figures = by_words(dataset) if embedder is None else by_all(dataset, embedder, Path(temporary))
        for ranking, (books, passages) in figures.items():
            print(
                f"| {folder.name} | {ranking} | {len(dataset.questions)} | {books:.3f} | {passages:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Which book and which passages are found in each language of XQuAD: by words, by meaning, by both.

    .venv/bin/python -m tests.benchmarks.languages --data PATH [--embedder NAME] [--words]

PATH holds a folder a language, with `questions.jsonl` and its books. By words alone they are stemmed in three
ways: by script, by the stemmer of the folder's language, and by that of the language told from the text; each
language is a library, and all together are one. By meaning and by both, each is a library in the real store.
Book@1 is the share of questions whose book has the best passage of all; passage@1 and passage@5 the share
for which the best, or one of the five best, passages of the right book holds an answer, of the questions
for which any passage does. NAME is what `BOOKCHORUS_EMBEDDER` takes; with `--words` nothing is embedded.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from store.search.stemmers import BY_SCRIPT, language_of, stemmer_of
from store.search.stemming import StemmedTexts
from tests.benchmarks.retrieval import RANKINGS, add

# The places of a question's passages, the best first.
Ranked = Callable[[str], list[int]]
# Book@1, passage@1 and passage@5.
Figures = tuple[float, float, float]


def measure(dataset: Dataset, rank: Ranked) -> Figures:
    """The figures of a ranking."""
    texts = [section for story in dataset.stories for section in story.sections]
    owners = [story.name for story in dataset.stories for _ in story.sections]
    books, first, five = [], [], []
    for question in dataset.questions:
        best = rank(question.text)
        books.append(owners[best[0]] == question.story)
        own = [place for place in best if owners[place] == question.story]
        told = [any(answer in texts[place] for answer in question.answers) for place in own]
        if any(told):
            first.append(told[0])
            five.append(any(told[:5]))
    return float(np.mean(books)), float(np.mean(first)), float(np.mean(five))


def by_words(dataset: Dataset, stemmers: Mapping[str, str]) -> Figures:
    """The figures of words alone, with the stemmer of each story by its name."""
    rows = [(section, stemmers[story.name]) for story in dataset.stories for section in story.sections]
    texts = StemmedTexts((text for text, _ in rows), stemmers=[stemmer for _, stemmer in rows])
    index = BM25Index.build(range(len(rows)), texts)
    return measure(dataset, lambda asked: np.argsort(-index.score(asked).all(), kind="stable").tolist())


def named(dataset: Dataset, language: str) -> Dataset:
    """The dataset with a mark of its language at the name of each story."""
    return replace(
        dataset,
        stories=[replace(story, name=f"{language} {story.name}") for story in dataset.stories],
        questions=[replace(asked, story=f"{language} {asked.story}") for asked in dataset.questions],
    )


def print_by_words(datasets: Mapping[str, Dataset]) -> None:
    """Print the figures of words alone, in each language and in one library of all of them."""
    stories = {story.name: story for dataset in datasets.values() for story in dataset.stories}
    languages = {story.name: name for name, dataset in datasets.items() for story in dataset.stories}
    told = {name: stemmer_of(language_of(story.sections)) for name, story in stories.items()}
    stemmers = {
        "stemmed by script": dict.fromkeys(stories, BY_SCRIPT),
        "by the language": {name: stemmer_of(language) for name, language in languages.items()},
        "by the language told from the text": told,
    }
    questions = [asked for dataset in datasets.values() for asked in dataset.questions]
    together = replace(next(iter(datasets.values())), stories=list(stories.values()), questions=questions)
    for name, dataset in {**datasets, "together": together}.items():
        for how, found in stemmers.items():
            show(name, f"words, {how}", dataset, by_words(dataset, found))


def show(language: str, ranking: str, dataset: Dataset, figures: Figures) -> None:
    """Print a row."""
    shares = " | ".join(f"{figure:.3f}" for figure in figures)
    print(f"| {language} | {ranking} | {len(dataset.questions)} | {shares} |", flush=True)


def by_all(dataset: Dataset, embedder: Embedder, folder: Path) -> dict[str, Figures]:
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
    datasets = {
        folder.name: named(load_dataset(folder / "questions.jsonl"), folder.name)
        for folder in sorted(each.parent for each in asked.data.glob("*/questions.jsonl"))
    }
    print_by_words(datasets)
    if not asked.words:
        embedder = load_embedder(Settings(embedder=asked.embedder))
        for language, dataset in datasets.items():
            with TemporaryDirectory() as temporary:
                for ranking, figures in by_all(dataset, embedder, Path(temporary)).items():
                    show(language, ranking, dataset, figures)


if __name__ == "__main__":
    main()

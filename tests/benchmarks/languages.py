"""Which book and which passages are found by words alone, in each language of XQuAD.

    .venv/bin/python -m tests.benchmarks.languages --data PATH

PATH holds a folder a language, with `questions.jsonl` and its books. Book@1 is the share of questions whose
book has the best passage of all; passage@5 the share for which one of the five best passages of the right
book holds an answer, of the questions for which any passage does.
"""

import argparse
from pathlib import Path

import numpy as np

from app.datasets.loading import load_dataset
from app.datasets.questions import Dataset
from store.search.bm25 import BM25Index
from store.search.stemming import StemmedTexts


def measure(dataset: Dataset) -> tuple[int, float, float]:
    """The number of questions, book@1 and passage@5."""
    texts = [section for story in dataset.stories for section in story.sections]
    owners = [story.name for story in dataset.stories for _ in story.sections]
    index = BM25Index.build(range(len(texts)), StemmedTexts(texts))
    books, passages = [], []
    for question in dataset.questions:
        best = np.argsort(-index.score(question.text).all(), kind="stable").tolist()
        books.append(owners[best[0]] == question.story)
        own = [place for place in best if owners[place] == question.story]
        told = [any(answer in texts[place] for answer in question.answers) for place in own]
        if any(told):
            passages.append(any(told[:5]))
    return len(books), float(np.mean(books)), float(np.mean(passages))


def main() -> None:
    """Print a row for each language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for folder in sorted(each.parent for each in parser.parse_args().data.glob("*/questions.jsonl")):
        count, books, passages = measure(load_dataset(folder / "questions.jsonl"))
        print(f"| {folder.name} | {count} | {books:.3f} | {passages:.3f} |")


if __name__ == "__main__":
    main()

"""How often the sentence that a citation marks is the one that tells a short answer.

    .venv/bin/python -m tests.benchmarks.marked_sentences --data PATH/fairytaleqa/val

No data says which sentence tells an answer. So that is made: of questions whose answer, of four words or
more, stands in exactly one sentence of its section, one word is taken as the answer that several sentences
have and the question does not. Right is the sentence of the whole answer; `first` is the first that has the
word.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.answering.citations import supporting_sentence
from app.answering.normalisation import normalised
from app.datasets.loading import load_dataset
from app.datasets.metrics import interval, paired_interval
from app.datasets.questions import Dataset
from store.segmentation import sentences

# Of the whole answer, which else would not tell its sentence; and of the word that is left of it.
_WORDS, _LETTERS = 4, 4


@dataclass(frozen=True)
class Case:
    """A short answer that several sentences of a passage have, and the place of the one that tells it."""

    story: str
    question: str
    answer: str
    passage: str
    told: tuple[int, int]
    first: tuple[int, int]


def cases(dataset: Dataset, draw: random.Random) -> Iterator[Case]:
    """What can be made of the dataset's questions about one section."""
    stories = {story.name: story for story in dataset.stories}
    for asked in dataset.questions:
        whole = normalised(asked.answers[0]).split()
        if len(asked.gold) != 1 or len(whole) < _WORDS:
            continue
        passage = stories[asked.story].sections[asked.gold[0]]
        places = list(sentences(passage))
        said = [normalised(passage[start:end]).split() for start, end in places]
        telling = [
            place
            for place, text in zip(places, said, strict=True)
            if f" {' '.join(whole)} " in f" {' '.join(text)} "
        ]
        short = {
            word
            for word in whole
            if len(word) >= _LETTERS
            and word not in normalised(asked.text).split()
            and sum(word in text for text in said) > 1
        }
        if len(telling) == 1 and short:
            answer = draw.choice(sorted(short))
            first = next(place for place, text in zip(places, said, strict=True) if answer in text)
            yield Case(asked.story, asked.text, answer, passage, telling[0], first)


def main() -> None:
    """Print the share of right sentences, with its 95% interval over stories."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    found = list(cases(load_dataset(parser.parse_args().data), random.Random(0)))
    stories = [case.story for case in found]
    first = [float(case.first == case.told) for case in found]
    marked = [
        float(supporting_sentence(case.passage, case.answer, case.question) == case.told) for case in found
    ]
    for name, right in (("first", first), ("marked", marked)):
        low, high = interval(right, stories)
        print(f"{name}: {sum(right) / len(right):.3f} [{low:.3f}, {high:.3f}] of {len(right)}")
    low, high = paired_interval(marked, first, stories)
    print(f"difference: [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()

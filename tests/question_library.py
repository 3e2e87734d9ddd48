"""A library of stories with written questions about its passages, as arrays to measure retrieval on."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.questions import LabelledQuestion, Story
from app.engine.embedder import WheelEmbedder

Floats = NDArray[np.float32]


class Vectors:
    """The embedder, and a file with what it has embedded."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._embedder = WheelEmbedder()
        self._known: dict[str, Floats] = {}
        if file is not None and file.exists():
            kept = np.load(file)
            self._known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))

    def of(self, what: str, texts: list[str]) -> Floats:
        """Unit vectors [texts, 384]; says how long new ones took."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            started = time.perf_counter()
            self._known |= zip(new, self._embedder(new), strict=True)
            print(f"{len(new)} {what} were embedded in {time.perf_counter() - started:.0f} s")
            if self._file is not None:
                np.savez(self._file, texts=list(self._known), vectors=np.stack(list(self._known.values())))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True)
class Asked:
    """Questions of one split with their vectors; the book and the gold passages of each, by number."""

    questions: list[str]
    vectors: Floats
    books: NDArray[np.int64]
    gold: list[list[int]]


@dataclass(frozen=True)
class Library:
    """Passages, the book of each, their vectors; written questions, the passage of each, their vectors."""

    texts: list[str]
    books: NDArray[np.int64]
    vectors: Floats
    written: list[str]
    about: NDArray[np.int64]
    written_vectors: Floats


def library_of(stories: list[Story], written: dict[tuple[str, int], list[str]], vectors: Vectors) -> Library:
    """The stories as a library, with the written questions that are questions, each once a passage."""
    sections = [(story, place) for story in stories for place in range(len(story.sections))]
    pairs = [
        (passage, text)
        for passage, (story, place) in enumerate(sections)
        for text in dict.fromkeys(each.strip() for each in written[story.name, place])
        if text.endswith("?") and len(set(text.casefold().split())) > 2
    ]
    texts = [story.sections[place] for story, place in sections]
    numbers = {story.name: number for number, story in enumerate(stories)}
    asked = [text for _, text in pairs]
    print(f"{len(stories)} stories, {len(texts)} passages, {len(pairs)} written questions")
    return Library(
        texts,
        np.array([numbers[story.name] for story, _ in sections]),
        vectors.of("passages", texts),
        asked,
        np.array([passage for passage, _ in pairs]),
        vectors.of("written questions", asked),
    )


def asked_of(questions: list[LabelledQuestion], stories: list[Story], vectors: Vectors) -> Asked:
    """The questions about these stories whose gold sections are known."""
    firsts = np.cumsum([0, *(len(story.sections) for story in stories)]).tolist()
    numbers = {story.name: number for number, story in enumerate(stories)}
    own = [each for each in questions if each.gold and each.story in numbers]
    texts = [each.text for each in own]
    return Asked(
        texts,
        vectors.of("questions", texts),
        np.array([numbers[each.story] for each in own]),
        [[firsts[numbers[each.story]] + section for section in each.gold] for each in own],
    )

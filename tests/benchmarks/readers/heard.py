"""What readers said of questions, kept as a line of JSON for each, so that nothing is asked twice."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from app.answering.reader_assignment import READERS
from app.answering.skill import LoadedSkill
from app.answering.types import Passage
from app.datasets.library import Library
from app.datasets.metrics import interval, paired_interval
from app.datasets.questions import Dataset, LabelledQuestion
from app.engine.given_members import GivenMembers
from app.engine.local_engine import LocalEngine
from app.engine.records import MemberId
from app.engine.scheduler import Scheduler
from app.evaluation.story_members import StoryMembers
from trainer.llm.frozen_llm import FrozenLLM

# What was heard of one question, of the "story" and with the "number" that it names.
Line = dict[str, Any]
# A line of an engine, the readers, a question and the passages that are read.
Hear = Callable[[LocalEngine, Sequence[MemberId], LabelledQuestion, Sequence[Passage]], Line]


class HeardLines:
    """The lines of a dataset's questions, those of earlier runs read from the file."""

    def __init__(self, file: Path, dataset: Dataset) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._dataset = dataset
        self._lines: dict[tuple[str, int], Line] = {}
        for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
            self._know(json.loads(text))

    def missing(self, story: str) -> list[LabelledQuestion]:
        """The story's questions that have no line."""
        own = [one for one in self._dataset.questions if one.story == story]
        return [one for one in own if (one.story, one.number) not in self._lines]

    def add(self, line: Line) -> None:
        """Keep a line."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._know(line)

    def all(self) -> list[Line]:
        """The lines of the dataset's questions, in its order."""
        keys = [(one.story, one.number) for one in self._dataset.questions]
        return [self._lines[key] for key in keys if key in self._lines]

    def _know(self, line: Line) -> None:
        self._lines[line["story"], line["number"]] = line


def hear_stories(
    heard: HeardLines,
    dataset: Dataset,
    folder: Path,
    llm: FrozenLLM,
    skill: LoadedSkill,
    learned: StoryMembers,
    hear: Hear,
) -> None:
    """Keep what `hear` says of each question that has no line yet; the stories' library is in `folder`.

    It is handed the skill alone, the story's members after it, and the best passages.
    """
    with closing(Library(dataset.stories, folder)) as library:
        for story in dataset.stories:
            missing = heard.missing(story.name)
            if not missing:
                continue
            ranking, book = library.ranking(story), library.book(story.name)
            members = GivenMembers(learned.learned(story))
            with closing(Scheduler(llm)) as runner:
                engine = LocalEngine(runner, members, skill=skill.skill)
                readers = [MemberId(book), *members.roster(book, 1).members]
                for one in missing:
                    heard.add(hear(engine, readers, one, ranking(one.text)[:READERS]))
            print(f"{story.name}: {len(missing)} questions", flush=True)


def show(name: str, values: Sequence[float], base: Sequence[float], stories: Sequence[str]) -> None:
    """Print a mean and its difference from that of `base`, with 95% intervals by story."""
    low, high = interval(values, stories)
    less, more = paired_interval(values, base, stories)
    mean, difference = np.mean(values), np.mean(values) - np.mean(base)
    print(f"{name}: {mean:.3f} [{low:.3f}, {high:.3f}], {difference:+.3f} [{less:+.3f}, {more:+.3f}]")

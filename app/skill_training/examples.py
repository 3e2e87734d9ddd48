"""From questions with known answers to what a skill learns from, and is evaluated on."""

import hashlib
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from app.datasets.library import Library
from app.datasets.questions import Dataset, LabelledQuestion, Story
from trainer.skill.examples import Example

# Stories that are kept from learning, at most: on the first of them the skill's losses are measured.
_HELDOUT_STORIES = 24
_CHECKING_STORIES = 12
# Among this many of the best-ranked sections, those that do not answer the question are distractors.
_DISTRACTORS = 6
# And among this many, those that are read in one context with a section that does.
_RIVALS = 3


@dataclass(frozen=True)
class Split:
    """Stories to learn from, a few to measure the skill's losses on, and those to fit the weighting and the
    calibration on.
    """

    learning: Dataset
    checking: Dataset
    fitting: Dataset


def split(dataset: Dataset, learned_before: Collection[str] = ()) -> Split:
    """Hold some stories back, at most half.

    They are the same for every recipe, so that a skill that starts from another is measured on what neither
    saw. A story whose digest is among those `learned_before` is not fitted on.
    """
    names = sorted(story.name for story in dataset.stories)
    random.Random(0).shuffle(names)
    held = names[: min(_HELDOUT_STORIES, len(names) // 2)]
    new = {story.name for story in dataset.stories if story.digest not in learned_before}
    return Split(
        learning=dataset.of(set(names) - set(held)),
        checking=dataset.of(set(held[:_CHECKING_STORIES])),
        fitting=dataset.of(set(held) & new),
    )


def examples(dataset: Dataset, library: Library) -> dict[str, list[Example]]:
    """For each story, an example of every section that answers a question.

    It has the questions that the section answers, and those it only seems to answer.
    """
    return {story.name: list(_of_story(story, dataset, library)) for story in dataset.stories}


def _of_story(story: Story, dataset: Dataset, library: Library) -> Iterator[Example]:
    ranking = library.ranking(story)
    answered: list[list[tuple[str, Sequence[str]]]] = [[] for _ in story.sections]
    silent: list[list[str]] = [[] for _ in story.sections]
    rivals: list[dict[int, None]] = [{} for _ in story.sections]
    told_by: dict[str, set[str]] = {}
    kinds = {one.text: one.kind for one in dataset.questions if one.story == story.name and one.kind}
    for question in dataset.questions:
        if question.story != story.name or not question.answers:
            continue
        found = [passage.ordinal for passage in ranking(question.text)]
        gold = question.gold or _holding(story, question, found)
        told_by[question.text] = {story.sections[section] for section in gold}
        for section in gold:
            answered[section].append((question.text, question.answers))
            rivals[section].update(dict.fromkeys(each for each in found[:_RIVALS] if each not in gold))
        for section in found[:_DISTRACTORS]:
            if gold and section not in gold:
                silent[section].append(question.text)
    for section, text in enumerate(story.sections):
        if answered[section]:
            yield Example(
                text,
                answered[section],
                silent[section],
                [other for other in story.sections if other != text],
                [story.sections[rival] for rival in rivals[section]],
                {asked: told_by[asked] for asked in silent[section]},
                kinds={asked: kinds[asked] for asked, _ in answered[section] if asked in kinds},
            )


def _holding(story: Story, question: LabelledQuestion, found: Sequence[int]) -> list[int]:
    """Where no section is marked, the best-ranked one that contains an answer."""
    for section in found:
        text = story.sections[section].casefold()
        if any(answer.casefold().rstrip(".") in text for answer in question.answers):
            return [section]
    return []


def digest(dataset: Dataset) -> str:
    """SHA-256 of the stories and questions, whatever files they came in."""
    return hashlib.sha256(repr(dataset).encode()).hexdigest()

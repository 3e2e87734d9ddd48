"""Stories and questions with known answers, as an evaluation or a skill's training uses them."""

import hashlib
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace


class DataError(ValueError):
    """The files cannot be evaluated on; the message is one line that says where and why."""


@dataclass(frozen=True, slots=True)
class Story:
    """A text in sections, and the collection it was printed in where that is known."""

    name: str
    sections: list[str]
    origin: str | None

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of its text: the same story, whatever it is called."""
        return hashlib.sha256("\n".join(self.sections).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question about one story, numbered from 1 in it, and what it is marked by.

    `gold` are the sections that hold the answer, counted from 0, none when unknown; `choices` are the options
    of a multiple-choice question, `kind` is what it asks about. The kind is no part of a dataset's digest.
    """

    story: str
    number: int
    text: str
    answers: list[str]
    gold: list[int]
    choices: list[str]
    kind: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Stories in the order of their names, and their questions, story by story."""

    stories: list[Story]
    questions: list[LabelledQuestion]

    def of(self, names: Collection[str]) -> "Dataset":
        """The stories of these names, with their questions."""
        return Dataset(
            [story for story in self.stories if story.name in names],
            [question for question in self.questions if question.story in names],
        )

    def other(self, name: str) -> str | None:
        """The story whose questions are asked of this one too, which does not tell; None if it is alone."""
        names = [story.name for story in self.stories]
        return names[names.index(name) - 1] if len(names) > 1 else None


def by_origin(dataset: Dataset) -> Dataset:
    """Join the stories of each origin, one after the other, into one book of the origin's name.

    Questions are numbered anew in their book. A story of unknown origin stays a book of its own.
    """
    books: dict[str, Story] = {}
    places: dict[str, tuple[str, int]] = {}
    for story in dataset.stories:
        name = story.origin or story.name
        book = books.setdefault(name, Story(name, [], story.origin))
        places[story.name] = name, len(book.sections)
        book.sections.extend(story.sections)
    asked: dict[str, list[LabelledQuestion]] = {name: [] for name in books}
    for question in dataset.questions:
        name, shift = places[question.story]
        gold = [section + shift for section in question.gold]
        asked[name].append(replace(question, story=name, number=len(asked[name]) + 1, gold=gold))
    names = sorted(books)
    return Dataset([books[name] for name in names], [each for name in names for each in asked[name]])


def sampled(dataset: Dataset, per_story: int | None, seed: int = 0) -> Dataset:
    """Keep at most `per_story` questions of each story, evenly spread over them; None keeps all.

    The seed chooses where in a story the spread begins; the same seed keeps the same questions.
    """
    if per_story is None:
        return dataset
    if per_story < 1:
        raise ValueError(f"At least one question of a story is kept, not {per_story}.")
    kept: list[LabelledQuestion] = []
    for story in dataset.stories:
        own = [question for question in dataset.questions if question.story == story.name]
        if len(own) > per_story:
            start = random.Random(f"{seed} {story.name}").random()
            own = [own[int((start + step) * len(own) / per_story)] for step in range(per_story)]
        kept += own
    return Dataset(dataset.stories, kept)


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts without space around them, each once, in their order; empty ones are left out."""
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))

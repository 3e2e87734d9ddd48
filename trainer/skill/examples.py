"""What a skill prompt learns from: passages, what is asked about each, and what it does not answer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.frozen_llm import FrozenLLM

_ANSWER_TOKENS = 48
# Batches are sorted by length among so many.
_WINDOW = 16
# A member is about this long, and stands where a piece of the book does.
_BESIDE_TOKENS = 100


@dataclass(frozen=True)
class Example:
    """A passage, the questions it answers with their answers, and questions that it only seems to answer.

    `beside` are other passages of the book.
    """

    passage: str
    answered: Sequence[tuple[str, Sequence[str]]]
    unanswered: Sequence[str] = ()
    beside: Sequence[str] = ()

    @property
    def size(self) -> int:
        """Characters, about: lessons of one size make rows of one length."""
        return len(self.passage) + sum(len(question) for question, _ in self.answered)


def pack(
    llm: FrozenLLM,
    lesson: Example,
    choose: random.Random,
    *,
    exchanges: int = 4,
    asking: float = 0.3,
    beside: float = 0.0,
) -> Pack:
    """At most `exchanges` answered and as many unanswered questions of a lesson, drawn at random.

    A question that the passage does not answer is answered by silence. With `asking` above 0, one of the
    questions is also learned as what to ask about the passage, at that weight. With probability `beside`,
    the beginning of another passage of the book stands in front, as a member will.
    """
    answered = choose.sample(list(lesson.answered), min(exchanges, len(lesson.answered)))
    silent = choose.sample(list(lesson.unanswered), min(exchanges, len(lesson.unanswered)))
    found = [
        Exchange(
            templates.question(llm, question),
            templates.answer(llm, choose.choice(list(answers)), _ANSWER_TOKENS),
        )
        for question, answers in answered
    ]
    found += [Exchange(templates.question(llm, question), [templates.end(llm)]) for question in silent]
    if asking and answered:
        asked = choose.choice(answered)[0]
        found.append(Exchange(templates.asking(llm), templates.answer(llm, asked), asking))
    front = (
        templates.passages(llm, [choose.choice(list(lesson.beside))], _BESIDE_TOKENS)
        if lesson.beside and choose.random() < beside
        else []
    )
    return Pack(found, [*front, *templates.passages(llm, [lesson.passage])])


def batches(lessons: Sequence[Example], rows: int, choose: random.Random) -> list[list[Example]]:
    """Every lesson once, `rows` of about one length at a time, in random order: padding costs computation."""
    order = choose.sample(list(lessons), len(lessons))
    found = []
    for start in range(0, len(order), rows * _WINDOW):
        window = sorted(order[start : start + rows * _WINDOW], key=lambda lesson: lesson.size)
        found += [window[first : first + rows] for first in range(0, len(window), rows)]
    choose.shuffle(found)
    return found

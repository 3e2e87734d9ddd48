"""What a skill prompt learns from: passages, what is asked about each, and what it does not answer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trainer import turns
from trainer.frozen import FrozenLLM
from trainer.packing import Exchange, Pack

_ANSWER_TOKENS = 48


@dataclass(frozen=True)
class Lesson:
    """A passage, the questions it answers with their answers, and questions that it only seems to answer."""

    passage: str
    answered: Sequence[tuple[str, Sequence[str]]]
    unanswered: Sequence[str] = ()


def pack(
    llm: FrozenLLM, lesson: Lesson, choose: random.Random, *, exchanges: int = 4, asking: float = 0.3
) -> Pack:
    """At most `exchanges` answered and as many unanswered questions of a lesson, drawn at random.

    A question that the passage does not answer is answered by silence. With `asking` above 0, one of the
    questions is also learned as what to ask about the passage, at that weight.
    """
    answered = choose.sample(list(lesson.answered), min(exchanges, len(lesson.answered)))
    silent = choose.sample(list(lesson.unanswered), min(exchanges, len(lesson.unanswered)))
    found = [
        Exchange(
            turns.question(llm, question), turns.answer(llm, choose.choice(list(answers)), _ANSWER_TOKENS)
        )
        for question, answers in answered
    ]
    found += [Exchange(turns.question(llm, question), [turns.end(llm)]) for question in silent]
    if asking and answered:
        asked = choose.choice(answered)[0]
        found.append(Exchange(turns.asking(llm), turns.answer(llm, asked), asking))
    return Pack(found, turns.passages(llm, [lesson.passage]))

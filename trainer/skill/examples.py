"""What a skill learns from: passages with questions that they answer, and questions that they do not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.frozen_llm import FrozenLLM

_ANSWER_TOKENS = 48
# Examples are sorted by length within windows of so many batches.
_WINDOW = 16
# The length of another passage's beginning that stands where a member will: about that of a member.
_BESIDE_TOKENS = 100


@dataclass(frozen=True)
class Example:
    """A passage, the questions it answers, each with its answers, and questions it only seems to answer.

    `beside` are other passages of the book.
    """

    passage: str
    answerable: Sequence[tuple[str, Sequence[str]]]
    unanswerable: Sequence[str] = ()
    beside: Sequence[str] = ()

    @property
    def size(self) -> int:
        """Characters, approximately: examples of the same size make rows of about the same length."""
        return len(self.passage) + sum(len(question) for question, _ in self.answerable)


def pack_example(
    llm: FrozenLLM,
    example: Example,
    choose: random.Random,
    *,
    exchanges: int = 4,
    asking: float = 0.3,
    beside: float = 0.0,
) -> Pack:
    """At most `exchanges` answerable and as many unanswerable questions of an example, drawn at random.

    The answer to an unanswerable question is silence. With `asking` above 0, one of the answerable questions
    is also learned as a question to ask about the passage, with that weight. With probability `beside`, the
    beginning of another passage of the book comes first, where a member will be.
    """
    answerable = choose.sample(list(example.answerable), min(exchanges, len(example.answerable)))
    unanswerable = choose.sample(list(example.unanswerable), min(exchanges, len(example.unanswerable)))
    found = [
        Exchange(
            templates.question(llm, question),
            templates.answer(llm, choose.choice(list(answers)), _ANSWER_TOKENS),
        )
        for question, answers in answerable
    ]
    found += [Exchange(templates.question(llm, question), [templates.end(llm)]) for question in unanswerable]
    if asking and answerable:
        question = choose.choice(answerable)[0]
        found.append(Exchange(templates.asking(llm), templates.answer(llm, question), asking))
    front = (
        templates.passages(llm, [choose.choice(list(example.beside))], _BESIDE_TOKENS)
        if example.beside and choose.random() < beside
        else []
    )
    return Pack(found, [*front, *templates.passages(llm, [example.passage])])


def batch_examples(examples: Sequence[Example], rows: int, choose: random.Random) -> list[list[Example]]:
    """Every example once, in batches of `rows` of about the same length, in random order.

    Rows of one length need little padding, and padding costs computation.
    """
    order = choose.sample(list(examples), len(examples))
    batches = []
    for start in range(0, len(order), rows * _WINDOW):
        window = sorted(order[start : start + rows * _WINDOW], key=lambda example: example.size)
        batches += [window[first : first + rows] for first in range(0, len(window), rows)]
    choose.shuffle(batches)
    return batches

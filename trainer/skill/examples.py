"""What a skill learns from: passages with questions that they answer, and questions that they do not."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.frozen_llm import FrozenLLM

_ANSWER_TOKENS = 48
# Examples are sorted by length within windows of so many batches.
_WINDOW = 16
# The length of another passage's beginning that stands where a member will: about that of a member.
_BESIDE_TOKENS = 100


@dataclass(frozen=True)
class Judged:
    """An answer that a reader gave to a question from a passage, and how good it is, 0 to 1."""

    question: str
    answer: str
    quality: float


@dataclass(frozen=True)
class Example:
    """A passage, the questions it answers, each with its answers, and questions it only seems to answer.

    `beside` are other passages of the book; `rivals` those that rank high for its questions; `told_by` are
    the passages that answer an unanswerable question. `judged` are answers that were read from it,
    `kinds` the kinds of answerable questions where they are known.
    """

    passage: str
    answerable: Sequence[tuple[str, Sequence[str]]]
    unanswerable: Sequence[str] = ()
    beside: Sequence[str] = ()
    rivals: Sequence[str] = ()
    told_by: Mapping[str, Collection[str]] = field(default_factory=dict)
    judged: Sequence[Judged] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)

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
    together: float = 0.0,
) -> Pack:
    """At most `exchanges` answerable, unanswerable and judged questions each, drawn at random.

    The answer to an unanswerable question is silence. With `asking` above 0, one of the answerable questions
    is also learned as a question to ask about the passage, with that weight. With probability `beside`, the
    beginning of another passage of the book comes first, where a member will be. With probability `together`
    one or two rivals are read in the same context, in random order. Whether a judged answer counts as right
    is drawn with its quality for the probability.
    """
    texts = [example.passage]
    if example.rivals and choose.random() < together:
        texts += choose.sample(list(example.rivals), min(choose.randint(1, 2), len(example.rivals)))
        choose.shuffle(texts)
    answerable = choose.sample(list(example.answerable), min(exchanges, len(example.answerable)))
    silent = [one for one in example.unanswerable if not set(example.told_by.get(one, ())) & set(texts)]
    found = [
        Exchange(
            templates.question(llm, question),
            templates.answer(llm, choose.choice(list(answers)), _ANSWER_TOKENS),
        )
        for question, answers in answerable
    ]
    found += [
        Exchange(templates.question(llm, question), [templates.end(llm)])
        for question in choose.sample(silent, min(exchanges, len(silent)))
    ]
    right, wrong = templates.verdicts(llm)
    found += [
        Exchange(
            [*templates.question(llm, one.question), *templates.answer(llm, one.answer, _ANSWER_TOKENS)],
            [right if choose.random() < one.quality else wrong],
        )
        for one in choose.sample(list(example.judged), min(exchanges, len(example.judged)))
    ]
    if asking and answerable:
        question = choose.choice(answerable)[0]
        found.append(Exchange(templates.asking(llm), templates.answer(llm, question), asking))
    front = (
        templates.passages(llm, [choose.choice(list(example.beside))], _BESIDE_TOKENS)
        if example.beside and choose.random() < beside
        else []
    )
    return Pack(found, [*front, *templates.passages(llm, texts)])


def pack_asking(
    llm: FrozenLLM, example: Example, choose: random.Random, *, exchanges: int = 4, named: float = 0.5
) -> Pack:
    """At most `exchanges` questions that the passage answers, drawn at random, each to be asked and answered.

    With probability `named` the words that ask for a question say of what kind it is, where that is known.
    """
    found = []
    for question, answers in choose.sample(list(example.answerable), min(exchanges, len(example.answerable))):
        kind = example.kinds.get(question) if choose.random() < named else None
        said = templates.question_with_answer(llm, question, choose.choice(list(answers)))
        found.append(Exchange(templates.asking(llm, kind), said))
    return Pack(found, templates.passages(llm, [example.passage]))


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

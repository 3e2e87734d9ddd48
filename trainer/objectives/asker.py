"""Synthetic questions of an asker: an LLM that has learned to ask, and a reader who has to agree with it.

The asker samples a question with its answer, as experts ask about a passage. The reader answers the question
from the same passage; it is kept where the reader finds the asker's own answer likely (round-trip
consistency, as in PAQ, 2102.07033), and the reader's answer is the one that is learned.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

import torch

from trainer.llm import templates
from trainer.llm.batch_types import Completion, Exchange, Pack, Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode_stepwise
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import pack_losses
from trainer.llm.pause import Pause
from trainer.llm.prefill import prefill
from trainer.objectives.question_synthesis import (
    ANSWER_TOKENS,
    adds_something,
    is_question,
    words,
)
from trainer.objectives.study_question import StudyQuestion, question_key

# What the asker's answer may cost the reader, nats per token; above it the two do not mean the same.
AGREEMENT = 1.5
_TEMPERATURE = 0.8
# Of a question and its answer together. A batch lasts as long as its longest row, and what is longer rambles.
_TOKENS = 48


@dataclass(frozen=True)
class Asker:
    """What is in force while the LLM asks, within its `turn`, and the context that it then reads first."""

    context: Context
    turn: AbstractContextManager[None]


@dataclass(frozen=True)
class Stretch:
    """A passage, or several that follow one another, by their numbers: so many questions are asked of it."""

    passages: Sequence[int]
    questions: int


@dataclass(frozen=True)
class _Draft:
    """A question as the asker wrote it, with its own answer to it."""

    question: str
    answer: str


def stretches(chosen: Sequence[int], count: int, questions: int, pairs: int) -> list[Stretch]:
    """What is asked about: each of the `chosen` of `count` passages, and each with the one behind it."""
    found = []
    for number in chosen:
        found.append(Stretch([number], questions))
        if pairs and number + 1 < count:
            found.append(Stretch([number, number + 1], pairs))
    return found


def ask(
    llm: FrozenLLM,
    passages: Sequence[str],
    wanted: Sequence[Stretch],
    asker: Asker,
    skill: Context,
    *,
    temperature: float = _TEMPERATURE,
    agreement: float = AGREEMENT,
    seed: int = 0,
) -> Iterator[Pause | list[StudyQuestion]]:
    """Ask about stretches of `passages`, and answer; yields the questions that are kept of each, and pauses,
    in which the LLM may do other work.

    `skill` is the context of the skill that the LLM is equipped with, which answers. Each question is sampled
    with a seed of its own; a question that was asked before is dropped.
    """
    known: set[str] = set()
    asked = 0
    for one in wanted:
        text = templates.passages(llm, [passages[number] for number in one.passages])
        with asker.turn:
            [context] = prefill(llm, [text], asker.context)
        yield Pause()
        drafts = yield from _drafts(llm, asker, one.questions, context, temperature, seed + asked)
        asked += one.questions
        drafts = [draft for draft in drafts if _is_new(draft.question, known)]
        [context] = prefill(llm, [text], skill)
        agreed = yield from _agreed(llm, drafts, context, agreement)
        yield [
            StudyQuestion(_told_by(draft, one, passages), None, draft.question, answer, likelihood)
            for draft, answer, likelihood in agreed
        ]


def _drafts(
    llm: FrozenLLM, asker: Asker, count: int, context: Context, temperature: float, seed: int
) -> Generator[Pause, None, list[_Draft]]:
    """Of so many samples, those that are a question with an answer which it does not give itself."""
    rows = [
        Row(None, templates.asking(llm), _TOKENS, temperature, seed=seed + number, context=context)
        for number in range(count)
    ]
    completions = yield from _in_turn(asker, decode_stepwise(llm, rows))
    found = []
    for completion in completions:
        question, _, answer = llm.text(completion.tokens).strip().partition("\n")
        draft = _Draft(question.strip(), templates.first_line(answer))
        if completion.ended and is_question(draft.question) and adds_something(draft.answer, draft.question):
            found.append(draft)
    return found


def _in_turn(
    asker: Asker, steps: Generator[Pause, None, list[Completion]]
) -> Generator[Pause, None, list[Completion]]:
    """The steps, each of which is made in the asker's turn."""
    while True:
        try:
            with asker.turn:
                pause = next(steps)
        except StopIteration as end:
            return cast(list[Completion], end.value)
        yield pause


def _agreed(
    llm: FrozenLLM, drafts: Sequence[_Draft], context: Context, agreement: float
) -> Generator[Pause, None, list[tuple[_Draft, str, float]]]:
    """The drafts that the reader answers, and whose own answers it finds likely; with its answer to each and
    that answer's log-likelihood, mean per token, nats.
    """
    if not drafts:
        return []
    turns = [templates.question(llm, draft.question) for draft in drafts]
    own = [
        Exchange(turn, templates.answer(llm, draft.answer)) for turn, draft in zip(turns, drafts, strict=True)
    ]
    with torch.no_grad():
        [losses] = pack_losses(llm, [Pack(own, context=context)])
    yield Pause()
    likely = [number for number, loss in enumerate(losses) if float(loss.mean()) <= agreement]
    rows = [Row(None, turns[number], ANSWER_TOKENS, context=context) for number in likely]
    answers = yield from decode_stepwise(llm, rows)
    found = []
    for number, completion in zip(likely, answers, strict=True):
        answer = templates.first_line(llm.text(completion.tokens))
        if completion.ended and adds_something(answer, drafts[number].question):
            found.append((drafts[number], answer, completion.log_likelihood))
    return found


def _told_by(draft: _Draft, stretch: Stretch, passages: Sequence[str]) -> int:
    """The passage of a stretch that has most words of the answer and, of several, of the question."""

    def shared(number: int) -> tuple[int, int]:
        here = words(passages[number])
        return len(words(draft.answer) & here), len(words(draft.question) & here)

    return max(stretch.passages, key=shared)


def _is_new(question: str, known: set[str]) -> bool:
    """Whether a question is not known yet; from now on it is."""
    key = question_key(question)
    new = key not in known
    known.add(key)
    return new

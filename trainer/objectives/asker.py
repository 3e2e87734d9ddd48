"""Synthetic questions of an asker: an LLM that has learned to ask, and a reader who has to agree with it.

The asker samples a question with its answer, as experts ask about a passage. The reader answers the question
from the same passage; it is kept where the reader finds the asker's own answer likely (round-trip
consistency, as in PAQ, 2102.07033), and the reader's answer is the one that is learned.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate
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
    PLACES_AT_ONCE,
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


@dataclass(frozen=True, eq=False)
class _Place:
    """A stretch, the tokens of its text as the LLM reads it, and its seed."""

    stretch: Stretch
    text: Sequence[int]
    # Of its first question; the others have those that follow.
    seed: int


@dataclass(frozen=True)
class _Draft:
    """A question about a place as the asker wrote it, with its own answer to it."""

    place: _Place
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
    order: Sequence[int] | None = None,
) -> Iterator[Pause | list[StudyQuestion]]:
    """Ask about stretches of `passages`, and answer; yields the questions that are kept of each, and pauses,
    in which the LLM may do other work. Stretches come in the `order` of their numbers, or one after the
    other, a few at once.

    `skill` is the context of the skill that the LLM is equipped with, which answers. Each question is sampled
    with a seed of its own; a question that was asked before is dropped.
    """
    known: set[str] = set()
    # Each stretch has the same seeds, whenever its turn comes.
    seeds = list(accumulate((one.questions for one in wanted), initial=seed))
    numbers = range(len(wanted)) if order is None else order
    for first in range(0, len(numbers), PLACES_AT_ONCE):
        places = [
            _Place(
                wanted[number],
                templates.passages(llm, [passages[passage] for passage in wanted[number].passages]),
                seeds[number],
            )
            for number in numbers[first : first + PLACES_AT_ONCE]
        ]
        drafts = yield from _drafts(llm, asker, places, temperature)
        new = [draft for draft in drafts if _is_new(draft.question, known)]
        agreed = yield from _agreed(llm, places, new, skill, agreement)
        for place in places:
            yield [
                StudyQuestion(
                    _told_by(draft, place.stretch, passages), None, draft.question, answer, likelihood
                )
                for draft, answer, likelihood in agreed
                if draft.place is place
            ]


def _drafts(
    llm: FrozenLLM, asker: Asker, places: Sequence[_Place], temperature: float
) -> Generator[Pause, None, list[_Draft]]:
    """Of all samples, those that are a question with an answer which it does not give itself."""
    rows: list[Row] = []
    about: list[_Place] = []
    for place in places:
        with asker.turn:
            [context] = prefill(llm, [place.text], asker.context)
        yield Pause()
        for number in range(place.stretch.questions):
            about.append(place)
            rows.append(
                Row(
                    None,
                    templates.asking(llm),
                    _TOKENS,
                    temperature,
                    seed=place.seed + number,
                    context=context,
                )
            )
    completions = yield from _in_turn(asker, decode_stepwise(llm, rows))
    found = []
    for place, completion in zip(about, completions, strict=True):
        question, _, answer = llm.text(completion.tokens).strip().partition("\n")
        draft = _Draft(place, question.strip(), templates.first_line(answer))
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
    llm: FrozenLLM, places: Sequence[_Place], drafts: Sequence[_Draft], skill: Context, agreement: float
) -> Generator[Pause, None, list[tuple[_Draft, str, float]]]:
    """The drafts that the reader answers, and whose own answers it finds likely; with its answer to each and
    that answer's log-likelihood, mean per token, nats.
    """
    likely: list[_Draft] = []
    rows: list[Row] = []
    for place in places:
        here = [draft for draft in drafts if draft.place is place]
        if not here:
            continue
        [context] = prefill(llm, [place.text], skill)
        yield Pause()
        turns = [templates.question(llm, draft.question) for draft in here]
        own = [
            Exchange(turn, templates.answer(llm, draft.answer))
            for turn, draft in zip(turns, here, strict=True)
        ]
        with torch.no_grad():
            [losses] = pack_losses(llm, [Pack(own, context=context)])
        yield Pause()
        for draft, turn, loss in zip(here, turns, losses, strict=True):
            if float(loss.mean()) <= agreement:
                likely.append(draft)
                rows.append(Row(None, turn, ANSWER_TOKENS, context=context))
    answers = yield from decode_stepwise(llm, rows)
    found = []
    for draft, completion in zip(likely, answers, strict=True):
        answer = templates.first_line(llm.text(completion.tokens))
        if completion.ended and adds_something(answer, draft.question):
            found.append((draft, answer, completion.log_likelihood))
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

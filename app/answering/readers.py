"""Readers: each member reads passages of its own behind the skill prompt, and says what they answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from app.engine.member_cache import Voice
from trainer.llm import templates
from trainer.llm.batch_types import Completion, Exchange, Pack, Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.mixture import Mixture, Part
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.methods.prompt import Prompts
from trainer.skill.skill import Skill

ANSWER_TOKENS = 32
# Voices of a book that has no members: each reads a passage of its own all the same.
READERS = 8


@dataclass(frozen=True)
class Reader:
    """A voice and what it has read, behind the skill prompt and its own.

    `retrieval` is how well that text fits the question, at most 1.
    """

    voice: Voice
    context: Context
    retrieval: float = 1.0


@dataclass(frozen=True)
class Said:
    """What a reader answers.

    `answerable` is the probability that its text answers the question at all, `log_likelihood` the mean per
    token of the answer given that it does, `retrieval` the reader's.
    """

    text: str
    answerable: float
    log_likelihood: float
    retrieval: float


@dataclass(frozen=True)
class Reference:
    """The loss of a given answer, nats in all, if something is said, and the answer's number of tokens."""

    loss: float
    tokens: int


@dataclass(frozen=True)
class Judged:
    """Whether a reader's text answers the question at all, in its view, and how likely given answers are."""

    answerable: float
    references: list[Reference]


def unlearned(book: str, skill: Skill) -> list[Voice]:
    """Who reads a book that nobody has learned: members as they start, or as many times the LLM as it is."""
    if skill.starts is None:
        return [Voice(book)] * READERS
    return [Voice(book, None, number, Prompts(one[None])) for number, one in enumerate(skill.starts)]


def places(members: int, ranked: Sequence[int]) -> list[tuple[int, int]]:
    """Who reads what: members, each with a place in `ranked`, numbers of passages with the best first.

    A passage has the same reader for every question, so that what it has read is there already. Where
    passages are fewer than members, members without one read the best again, and where there is none, each
    member has a place that is not there.
    """
    seats = [(passage % members, place) for place, passage in enumerate(ranked)]
    without = sorted(set(range(members)) - {member for member, _ in seats})
    again = [(member, number % max(1, len(ranked))) for number, member in enumerate(without)]
    return seats + again[: max(0, members - len(ranked))]


def ask(llm: FrozenLLM, readers: Sequence[Reader], question: str) -> list[Reader]:
    """Let all readers hear the question but for its last token, in one batch; what they have read then ends
    with it.
    """
    asked = templates.question(llm, question)[:-1]
    contexts = prefill(llm, [asked] * len(readers), [reader.context for reader in readers])
    return [replace(reader, context=context) for reader, context in zip(readers, contexts, strict=True)]


def rows(
    llm: FrozenLLM,
    readers: Sequence[Reader],
    unheard: Sequence[int],
    *,
    temperature: float = 0.0,
    seeds: Sequence[int] | None = None,
) -> list[Row]:
    """What is decoded for the readers' answers, `unheard` being the tokens of the question that they have not
    heard yet; each draws with its own seed.
    """
    return [
        Row(
            None,
            unheard,
            ANSWER_TOKENS,
            temperature,
            seed=seed,
            context=reader.context,
            must_speak=True,
        )
        for reader, seed in zip(readers, seeds or range(len(readers)), strict=True)
    ]


def mixed(rows: Sequence[Row], shares: Sequence[float]) -> list[Row]:
    """The rows as one voice, in which each has its share."""
    mixture = Mixture()
    return [replace(row, part=Part(mixture, share)) for row, share in zip(rows, shares, strict=True)]


def said(llm: FrozenLLM, readers: Sequence[Reader], completions: Sequence[Completion]) -> list[Said]:
    """What was decoded, as answers."""
    return [
        Said(
            templates.first_line(llm.text(completion.tokens)),
            1 - completion.silence,
            completion.log_likelihood,
            reader.retrieval,
        )
        for reader, completion in zip(readers, completions, strict=True)
    ]


def listen(llm: FrozenLLM, asked: Sequence[Reader], question: str) -> list[Said]:
    """The likeliest answer of each reader that was asked, decoded as one batch."""
    return said(llm, asked, decode(llm, rows(llm, asked, templates.question(llm, question)[-1:])))


@torch.no_grad()
def judge(llm: FrozenLLM, asked: Sequence[Reader], question: str, answers: Sequence[str]) -> list[Judged]:
    """How likely given answers are to each reader that was asked; an answer's end does not count."""
    last = templates.question(llm, question)[-1:]
    tokens = [llm.encode(answer) for answer in answers]
    exchanges = [Exchange(last, each) for each in [*tokens, *([stop] for stop in sorted(llm.stop_tokens))]]
    found = []
    for losses in pack_losses(llm, [Pack(exchanges, context=reader.context) for reader in asked]):
        silence = sum(math.exp(-float(loss)) for loss in losses[len(answers) :])
        answerable = max(1e-6, 1 - silence)
        spoken = [
            Reference(float(loss.sum()) + math.log(answerable), len(each))
            for loss, each in zip(losses, tokens, strict=False)
        ]
        found.append(Judged(answerable, spoken))
    return found

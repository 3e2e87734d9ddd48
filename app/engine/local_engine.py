"""The engine in this process: one frozen LLM, its skill and its members."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import torch

from app.engine.context_cache import ContextCache
from app.engine.records import (
    ChatTurn,
    DecodeRequest,
    Judgement,
    MemberId,
    Prompt,
    Reading,
    Reply,
    Roster,
    TextLoss,
)
from app.engine.runner import Runner
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.context import Context
from trainer.llm.frozen_llm import Identity
from trainer.llm.mixture import Mixture, Part
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.methods.members import Members
from trainer.methods.prompt import Prompts
from trainer.skill.skill import Skill

# The least probability of an answer that a logarithm is taken of.
_LEAST = 1e-6


class MemberSource(Protocol):
    """Where members come from: the registry, or an evaluation's own."""

    def roster(self, book: str, version: int) -> Roster:
        """Who can answer for a version of a book."""

    def tensors(self, member: MemberId) -> Members:
        """What a member of a roster has learned."""


class LocalEngine:
    """Answers requests on one LLM. Nothing that it takes or gives holds a tensor or a database row.

    `members` is None where no version is ever asked, `skill` where there are chat turns only. The LLM is
    equipped with the skill already. What members have read behind it is kept, up to `most_bytes`.
    """

    def __init__(
        self,
        runner: Runner,
        members: MemberSource | None = None,
        *,
        skill: Skill | None = None,
        most_bytes: int = 1 << 30,
    ) -> None:
        """Raises SkillMismatchError for a skill that the LLM cannot read."""
        self._runner = runner
        self._llm = runner.llm
        self._members = members
        self._skill = skill
        # Nothing kept refers to the engine: all that was read goes with the engine's last use.
        self._tensors = partial(_tensors, members, skill)
        with torch.no_grad():
            context = None if skill is None else skill.context(self._llm)
        self._contexts = (
            None if context is None else ContextCache(runner, context, self._tensors, most_bytes=most_bytes)
        )

    @property
    def identity(self) -> Identity:
        """Which LLM answers."""
        return self._llm.identity

    @property
    def alive(self) -> bool:
        """Whether questions are answered."""
        return self._runner.alive

    @property
    def on_cpu(self) -> bool:
        """Whether the LLM is on a CPU, where a large batch takes longer than a small one."""
        return self._llm.device.type == "cpu"

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        return self._llm.count_tokens(text)

    def token_counter(self) -> Callable[[str], int]:
        """What counts the same much faster over the slices of one book, on one thread."""
        return self._llm.token_counter()

    def roster(self, book: str, version: int) -> Roster:
        """Who can answer for a version of a book.

        Raises DamagedArtifactError when no member is whole, VersionPrunedError and NotFoundError.
        """
        return _source(self._members).roster(book, version)

    def starting_members(self, book: str) -> list[MemberId]:
        """The members of a book that nobody has learned, as the skill lets them start; none where it has
        none.
        """
        starts = None if self._skill is None else self._skill.starts
        return [] if starts is None else [MemberId(book, None, number) for number in range(len(starts))]

    def question(self) -> AbstractContextManager[None]:
        """A question that is asked in several calls: between them nothing is trained."""
        return self._runner.question()

    def have_read(self, readings: Sequence[Reading]) -> list[bool]:
        """Which members have read their passages already, so that their answers cost no reading."""
        return [self.contexts.has(reading) for reading in readings]

    def answer(
        self, requests: Sequence[DecodeRequest], wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[int, Reply]]:
        """Decode all requests in one batch; yields each one's number and reply as soon as it ends.

        What is not `wanted` any more is left out. Raises UnwantedError when nothing was wanted before
        decoding began, EngineClosedError, OutOfMemoryError, and what `roster` raises.
        """
        rows = self._rows(requests)
        for number, completion in self._runner.follow(rows, lambda _: wanted()):
            reading = isinstance(requests[number].prompt, Reading)
            yield (
                number,
                Reply(
                    templates.first_line(self._llm.text(completion.tokens)),
                    completion.log_likelihood,
                    1 - completion.silence if reading else None,
                    completion.right,
                ),
            )

    def judge(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """How likely given answers are to each prompt; the end of an answer does not count.

        Raises EngineClosedError, and what `roster` raises.
        """
        readings = [prompt for prompt in prompts if isinstance(prompt, Reading)]
        judged = iter(self._judge_readings(readings, answers))
        return [
            next(judged)
            if isinstance(prompt, Reading)
            else self._runner.run_now(partial(self._judge_turn, prompt, answers))
            for prompt in prompts
        ]

    @property
    def contexts(self) -> ContextCache:
        """What members and readers have read, kept."""
        assert self._contexts is not None, "without a skill there are no readings"
        return self._contexts

    def _rows(self, requests: Sequence[DecodeRequest]) -> list[Row]:
        """What is decoded for the requests, once their passages are read."""
        readings = [each.prompt for each in requests if isinstance(each.prompt, Reading)]
        contexts = iter(self.contexts.of(readings)) if readings else iter(())
        mixtures = {each.mixture: Mixture() for each in requests if each.mixture is not None}
        rows = []
        for each in requests:
            if isinstance(each.prompt, Reading):
                context: Context | None = next(contexts)
                tokens = templates.question(self._llm, each.prompt.question)
            else:
                context = None
                tokens = self._llm.instruct(each.prompt.instruction, each.prompt.content)
            rows.append(
                Row(
                    None,
                    tokens,
                    each.most_tokens,
                    each.temperature,
                    seed=each.seed,
                    context=context,
                    must_speak=isinstance(each.prompt, Reading),
                    judged=each.judged,
                    part=None if each.mixture is None else Part(mixtures[each.mixture], each.share),
                )
            )
        return rows

    def _judge_readings(self, readings: Sequence[Reading], answers: Sequence[str]) -> list[Judgement]:
        if not readings:
            return []
        contexts = self.contexts.of(readings)
        return self._runner.run_now(lambda: self._judge_contexts(readings, contexts, answers))

    @torch.no_grad()
    def _judge_contexts(
        self, readings: Sequence[Reading], contexts: Sequence[Context], answers: Sequence[str]
    ) -> list[Judgement]:
        llm = self._llm
        questions = [templates.question(llm, one.question) for one in readings]
        heard = prefill(llm, [question[:-1] for question in questions], contexts)
        tokens = [llm.encode(answer) for answer in answers]
        spoken = [*tokens, *([stop] for stop in sorted(llm.stop_tokens))]
        packs = [
            Pack([Exchange(question[-1:], each) for each in spoken], context=context)
            for question, context in zip(questions, heard, strict=True)
        ]
        found = []
        for losses in pack_losses(llm, packs):
            silence = sum(math.exp(-float(loss)) for loss in losses[len(answers) :])
            answerable = max(_LEAST, 1 - silence)
            given = [
                TextLoss(float(loss.sum()) + math.log(answerable), len(each))
                for loss, each in zip(losses, tokens, strict=False)
            ]
            found.append(Judgement(answerable, tuple(given)))
        return found

    @torch.no_grad()
    def _judge_turn(self, turn: ChatTurn, answers: Sequence[str]) -> Judgement:
        tokens = self._llm.instruct(turn.instruction, turn.content)
        exchanges = [Exchange(tokens[-1:], self._llm.encode(answer)) for answer in answers]
        [losses] = pack_losses(self._llm, [Pack(exchanges, tokens[:-1])])
        return Judgement(None, tuple(TextLoss(float(loss.sum()), len(loss)) for loss in losses))


def _source(members: MemberSource | None) -> MemberSource:
    assert members is not None, "this engine knows no versions"
    return members


def _tensors(members: MemberSource | None, skill: Skill | None, member: MemberId) -> Members | None:
    """What a member has learned, or as what the skill lets it start; None for the bare LLM."""
    if member.member is None:
        return None
    if member.version is not None:
        return _source(members).tensors(member)
    assert skill is not None
    assert skill.starts is not None
    return Prompts(skill.starts[[member.member]])

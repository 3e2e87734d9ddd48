"""`bookchorus bench ask`: what an answer takes by one member, by all in a batch, and with PEFT one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict

from app.bench.clock import Deadline, median_seconds
from app.bench.limits import token_bytes
from app.bench.llm_spec import LLMSpec, Setup
from app.bench.peak import Peak, peak
from app.bench.profiling import Profile, profile
from app.bench.train_steps import OnProgress, TrainWorkload
from app.errors import CommandError
from trainer.baseline.peft_loop import PEFT_METHODS, peft_loop
from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.dispatch import initial_members, member_contexts
from trainer.options import Method
from trainer.recipe import Recipe

QUESTION = "Who kept the lamp?"


@dataclass(frozen=True)
class AnswerWorkload:
    """Members of a method, each of which reads a passage of random text and answers in so many tokens."""

    method: Method = "prompt"
    members: int = 8
    virtual_tokens: int = 100
    rank: int = 8
    passage_tokens: int = 256
    answer_tokens: int = 32

    def __post_init__(self) -> None:
        """Raise CommandError for a size below 1."""
        for name, size in vars(self).items():
            if isinstance(size, int) and size < 1:
                raise CommandError(f"{name}: Input should be greater than or equal to 1")


class AnswerSpeed(BaseModel):
    """One way to answer, timed from the question to the last token; `answers` are given at once.

    `seconds` is the median of `times`. With `passage_kept` the members have read the passage already, as for
    every question about it but the first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    answers: int
    passage_kept: bool
    times: int
    seconds: float
    tokens_per_second: float
    peak: Peak


class AnswerReport(BaseModel):
    """The ways to answer, beside one another; those for which there was time.

    `ratio` is how many times as fast as with PEFT all members answer in a batch, when both read the passage.
    """

    model_config = ConfigDict(frozen=True)

    head: Setup
    method: str
    members: int
    virtual_tokens: int
    passage_tokens: int
    question_tokens: int
    answer_tokens: int
    times: int
    ways: list[AnswerSpeed]
    ratio: float | None
    profile: Profile | None


def measure_answering(
    spec: LLMSpec,
    workload: AnswerWorkload,
    times: int,
    *,
    baseline: bool,
    profiled: bool,
    limit: float | None,
    on_progress: OnProgress,
) -> AnswerReport:
    """Answer so many times in each way, and report the medians; begin nothing after `limit` seconds.

    CommandError: the LLM cannot be made.
    """
    deadline = Deadline(limit)
    on_progress(f"makes {spec.shape}")
    llm = spec.load()
    setup = spec.setup(llm)
    members = BenchMembers(llm, workload)
    prompt_tokens = members.prompt_tokens
    speeds: list[AnswerSpeed] = []
    for name, count, kept in (
        ("one member", 1, False),
        ("one member, passage kept", 1, True),
        ("all members in a batch", workload.members, False),
        ("all members in a batch, passage kept", workload.members, True),
    ):
        if speeds and deadline.has_passed:
            break
        on_progress(name)
        contexts = members.read(count) if kept else None
        answer = partial(members.answer, count, contexts)
        speeds.append(_speed(llm, workload, name, count, times, deadline, kept, answer, on_progress))
    found = None
    if profiled and not deadline.has_passed:
        on_progress("one answer of all members, profiled")
        found = profile(
            partial(members.answer, workload.members, members.read(workload.members)),
            llm.device,
            llm.identity.dtype,
            seconds=speeds[-1].seconds,
            what="bytes",
            asked=token_bytes(llm) * workload.answer_tokens,
        )
    question_tokens = len(templates.question(llm, QUESTION))
    ratio = None
    if baseline and not deadline.has_passed:
        plain = spec.for_peft(llm)
        if plain is not None:
            on_progress(f"makes {spec.shape} with bitsandbytes' layers")
            del members, answer, contexts
            llm = plain.load()
        on_progress(f"PEFT's {PEFT_METHODS[workload.method][0]}, one member after the other")
        speeds.append(_peft_speed(llm, workload, prompt_tokens, times, deadline, on_progress))
        ratio = speeds[-1].seconds / speeds[2].seconds
    return AnswerReport(
        head=setup,
        method=workload.method,
        members=workload.members,
        virtual_tokens=workload.virtual_tokens,
        passage_tokens=workload.passage_tokens,
        question_tokens=question_tokens,
        answer_tokens=workload.answer_tokens,
        times=times,
        ways=speeds,
        ratio=ratio,
        profile=found,
    )


class BenchMembers:
    """Members of an LLM that read a passage and answer a question, in the steps in which the service does."""

    def __init__(self, llm: FrozenLLM, workload: AnswerWorkload) -> None:
        """CommandError: the LLM cannot learn by the method."""
        self._llm = llm
        self._answer_tokens = workload.answer_tokens
        recipe = Recipe(
            method=workload.method,
            members=workload.members,
            virtual_tokens=workload.virtual_tokens,
            rank=workload.rank,
            initialisation="blank",
        )
        try:
            members = initial_members(llm, [], recipe)
        except ValueError as error:
            raise CommandError(f"{error}.") from error
        self._members = [members[[number]] for number in range(workload.members)]
        text = TrainWorkload(row_tokens=workload.passage_tokens).text
        self._passage = llm.encode(text)[: workload.passage_tokens]
        self._question = templates.question(llm, QUESTION)

    @property
    def prompt_tokens(self) -> list[int]:
        """The passage and the question, as PEFT reads them."""
        return [*self._passage, *self._question]

    def read(self, count: int) -> list[Context]:
        """Let the first `count` members read the passage; what each keeps of it."""
        contexts = member_contexts(self._llm, self._members[:count], None)
        return prefill(self._llm, [self._passage] * count, contexts)

    def answer(self, count: int, contexts: Sequence[Context] | None) -> None:
        """Let the first `count` members answer behind `contexts`; without these, read the passage first."""
        passages = self.read(count) if contexts is None else contexts
        questions = prefill(self._llm, [self._question[:-1]] * count, passages)
        last = self._question[-1:]
        rows = [
            Row(None, last, self._answer_tokens, seed=number, context=context, must_speak=True)
            for number, context in enumerate(questions)
        ]
        decode(self._llm, rows)


def _peft_speed(
    llm: FrozenLLM,
    workload: AnswerWorkload,
    tokens: Sequence[int],
    times: int,
    deadline: Deadline,
    on_progress: OnProgress,
) -> AnswerSpeed:
    with peft_loop(llm, workload.method, workload.virtual_tokens) as model:
        model.add(workload.members)

        def answer() -> None:
            for member in range(workload.members):
                model.answer(member, tokens, workload.answer_tokens)

        name = f"PEFT {PEFT_METHODS[workload.method][0]}, one by one"
        return _speed(llm, workload, name, workload.members, times, deadline, False, answer, on_progress)


def _speed(
    llm: FrozenLLM,
    workload: AnswerWorkload,
    name: str,
    answers: int,
    times: int,
    deadline: Deadline,
    kept: bool,
    answer: Callable[[], None],
    on_progress: OnProgress,
) -> AnswerSpeed:
    """Measure one way to answer: its median time, and the peak of its memory."""
    medians: list[tuple[float, int]] = []
    most = peak(lambda: medians.append(median_seconds(answer, llm.device, times, deadline)), llm.device)
    [(seconds, counted)] = medians
    on_progress(f"{name}: {seconds:.3f} s", figure=True)
    return AnswerSpeed(
        name=name,
        answers=answers,
        passage_kept=kept,
        times=counted,
        seconds=seconds,
        tokens_per_second=answers * workload.answer_tokens / seconds,
        peak=most,
    )

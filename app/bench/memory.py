"""`bookchorus bench memory`: what the weights take, an answer, and a training step of ever more tokens."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from app.bench.answering import AnswerWorkload, BenchMembers
from app.bench.clock import Deadline
from app.bench.llm_spec import LLMSpec, Setup
from app.bench.peak import NoRoomError, Peak, peak
from app.bench.train_steps import OnProgress, TrainWorkload, train_together, train_with_peft
from trainer.baseline.peft_loop import UNPREPARED, peft_loop
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches


class StepMemory(BaseModel):
    """The peak of one training step of so many tokens, all in one pass; None where it does not fit."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    tokens: int
    peak: Peak | None


class MemoryReport(BaseModel):
    """The peaks of an answer of all members, and of the training steps for which there was time.

    `idle` is what is in use with the weights loaded and nothing to do; every peak includes it.
    """

    model_config = ConfigDict(frozen=True)

    head: Setup
    members: int
    row_tokens: int
    virtual_tokens: int
    passage_tokens: int
    answer_tokens: int
    idle: Peak
    ask: Peak
    steps: list[StepMemory]


def measure_memory(
    spec: LLMSpec,
    training: TrainWorkload,
    answering: AnswerWorkload,
    *,
    baseline: bool,
    limit: float | None,
    on_progress: OnProgress,
) -> MemoryReport:
    """Answer, then train ever more rows at a time; begin nothing after `limit` seconds.

    CommandError: the LLM cannot be made.
    """
    deadline = Deadline(limit)
    training.recipe(1)
    on_progress(f"makes {spec.shape}")
    llm = spec.load()
    setup = spec.setup(llm)
    idle = peak(lambda: None, llm.device)
    members = BenchMembers(llm, answering)
    on_progress("all members answer")
    answer_peak = peak(lambda: members.answer(answering.members, None), llm.device)
    on_progress(f"all members answer: {_megabytes(answer_peak)}", figure=True)
    steps: list[StepMemory] = []

    def add(step: StepMemory) -> None:
        steps.append(step)
        on_progress(f"{step.name}, {step.tokens:,} tokens: {_megabytes(step.peak)}", figure=True)

    for rows in _doubling(training.members):
        if deadline.has_passed:
            break
        on_progress(f"{rows} members learn together")
        add(_step_together(llm, replace(training, members=rows, rows=1)))
    if baseline and not deadline.has_passed:
        plain = spec.for_peft(llm)
        if plain is not None:
            on_progress(f"makes {spec.shape} with bitsandbytes' layers")
            del members
            llm = plain.load()
        prepares = setup.quantization != "none" and training.method not in UNPREPARED
        for prepared in (False, True) if prepares else (False,):
            for rows in _doubling(training.members):
                if deadline.has_passed:
                    break
                one = replace(training, members=1, rows=rows)
                on_progress(f"PEFT's {training.baseline}{', prepared' if prepared else ''}: {rows} rows")
                # Prepared once, it stays so.
                add(_step_with_peft(llm, one, prepared=prepared, first=rows == 1))
    return MemoryReport(
        head=setup,
        members=training.members,
        row_tokens=training.row_tokens,
        virtual_tokens=training.virtual_tokens,
        passage_tokens=answering.passage_tokens,
        answer_tokens=answering.answer_tokens,
        idle=idle,
        ask=answer_peak,
        steps=steps,
    )


def _megabytes(peak: Peak | None) -> str:
    return "does not fit" if peak is None else f"{peak.bytes / 1e6:,.0f} MB"


def _doubling(most: int) -> Iterator[int]:
    """1, 2, 4 and so on, and at last `most`."""
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most


def _peak_if_it_fits(step: Callable[[], object], llm: FrozenLLM) -> Peak | None:
    try:
        return peak(step, llm.device)
    except NoRoomError:
        return None


def _step_together(llm: FrozenLLM, workload: TrainWorkload) -> StepMemory:
    tokens = workload.step_tokens
    batches = Microbatches(llm.device, tokens)
    most = _peak_if_it_fits(lambda: list(train_together(llm, workload, 1, batches)), llm)
    if batches.tokens < tokens:  # it did not fit in one pass
        most = None
    return StepMemory(name="members together", rows=workload.members, tokens=tokens, peak=most)


def _step_with_peft(llm: FrozenLLM, workload: TrainWorkload, *, prepared: bool, first: bool) -> StepMemory:
    name = f"PEFT {workload.baseline}{', prepared for k-bit' if prepared else ''}"
    with peft_loop(llm, workload.method, workload.virtual_tokens, prepared=prepared and first) as model:
        most = _peak_if_it_fits(lambda: list(train_with_peft(llm, workload, model, 0, 1)), llm)
    return StepMemory(name=name, rows=workload.rows, tokens=workload.step_tokens, peak=most)

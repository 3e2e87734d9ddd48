"""`bookchorus bench memory`: what the weights take, an answer, and a training step of ever more tokens."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from app.bench.answering import Ask, Asked
from app.bench.peak import NoRoomError, Peak, peak
from app.bench.steps import Tell, Work, alone, joint
from app.bench.subject import Head, Subject
from trainer.baseline.peft_loop import UNPREPARED, peft_loop
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches


class StepMemory(BaseModel):
    """The peak of one training step of so many tokens, all in one pass; None where they do not fit."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    tokens: int
    peak: Peak | None


class MemoryReport(BaseModel):
    """`idle` is what is in use with the weights loaded and nothing to do, and part of all the peaks."""

    model_config = ConfigDict(frozen=True)

    head: Head
    members: int
    row_tokens: int
    virtual_tokens: int
    passage_tokens: int
    answer_tokens: int
    idle: Peak
    ask: Peak
    steps: list[StepMemory]


def measure_memory(subject: Subject, work: Work, ask: Ask, *, baseline: bool, tell: Tell) -> MemoryReport:
    """Answer and train, ever more rows at a time. CommandError: the LLM cannot be had."""
    work.recipe(1)
    tell(f"makes {subject.shape}")
    llm = subject.llm()
    head = subject.head(llm)
    idle = peak(lambda: None, llm.device)
    chorus = Asked(llm, ask)
    tell("all members answer")
    answered = peak(lambda: chorus.answer(ask.members, None), llm.device)
    steps = []
    for rows in _rising(work.members):
        tell(f"{rows} members learn together")
        steps.append(_joint(llm, replace(work, members=rows, rows=1)))
    if baseline:
        prepares = head.quantization != "none" and work.method not in UNPREPARED
        for prepared in (False, True) if prepares else (False,):
            for rows in _rising(work.members):
                one = replace(work, members=1, rows=rows)
                tell(f"PEFT's {work.baseline}{', prepared' if prepared else ''}: {rows} rows")
                # Prepared once, it stays so.
                steps.append(_alone(llm, one, prepared=prepared, first=rows == 1))
    return MemoryReport(
        head=head,
        members=work.members,
        row_tokens=work.row_tokens,
        virtual_tokens=work.virtual_tokens,
        passage_tokens=ask.passage_tokens,
        answer_tokens=ask.answer_tokens,
        idle=idle,
        ask=answered,
        steps=steps,
    )


def _rising(most: int) -> Iterator[int]:
    """1, 2, 4 and so on, and at last `most`."""
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most


def _fitting(step: Callable[[], object], llm: FrozenLLM) -> Peak | None:
    try:
        return peak(step, llm.device)
    except NoRoomError:
        return None


def _joint(llm: FrozenLLM, work: Work) -> StepMemory:
    tokens = work.step_tokens
    batches = Microbatches(llm.device, tokens)
    most = _fitting(lambda: list(joint(llm, work, 1, batches)), llm)
    if batches.tokens < tokens:  # in one pass it did not fit
        most = None
    return StepMemory(name="members together", rows=work.members, tokens=tokens, peak=most)


def _alone(llm: FrozenLLM, work: Work, *, prepared: bool, first: bool) -> StepMemory:
    name = f"PEFT {work.baseline}{', prepared for k-bit' if prepared else ''}"
    with peft_loop(llm, work.method, work.virtual_tokens, prepared=prepared and first) as model:
        most = _fitting(lambda: list(alone(llm, work, model, 0, 1)), llm)
    return StepMemory(name=name, rows=work.rows, tokens=work.step_tokens, peak=most)

"""`bookchorus bench train`: how fast members learn together, and how fast with PEFT one after the other."""

from collections.abc import Callable
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.bench.clock import laps
from app.bench.limits import step_operations
from app.bench.peak import Peak, peak
from app.bench.profiling import Profile, profile
from app.bench.steps import Tell, Work, alone, joint
from app.bench.subject import Head, Subject
from trainer.baseline.peft_loop import UNPREPARED, peft_loop
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches

# Steps at the beginning of each run that are not counted.
WARMUP = 1
BOOK_TOKENS = 100_000


class Way(BaseModel):
    """One way to take a step with every member.

    `book_seconds` is what `BOOK_TOKENS` tokens, read once by each member, take at this speed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    step_seconds: float
    tokens_per_second: float
    book_seconds: float
    peak: Peak


class TrainReport(BaseModel):
    """The ways beside one another; `ratio` is how many times as fast as PEFT members learn together, at most
    `pass_tokens` at once.
    """

    model_config = ConfigDict(frozen=True)

    head: Head
    method: str
    members: int
    rows: int
    row_tokens: int
    virtual_tokens: int
    step_tokens: int
    pass_tokens: int
    checkpointing: bool
    steps: int
    warmup_steps: int
    ways: list[Way]
    ratio: float | None
    profile: Profile | None


def measure_training(
    subject: Subject,
    work: Work,
    steps: int,
    *,
    pass_tokens: int | Literal["auto"] = "auto",
    baseline: bool,
    profiled: bool,
    tell: Tell,
) -> TrainReport:
    """Take the steps, in each way. CommandError: the LLM cannot be had, or diverges."""
    work.recipe(steps)
    tell(f"makes {subject.shape}")
    llm = subject.llm()
    head = subject.head(llm)
    tell(f"{work.members} members learn together")
    batches = Microbatches(llm.device, pass_tokens)

    def together() -> list[float]:
        return laps(joint(llm, work, WARMUP + steps, batches), llm.device)

    ways = [_way(llm, work, "members together", steps, together)]
    found = None
    if profiled:
        tell("one step, profiled")
        taken = joint(llm, work, WARMUP + 1, batches)
        for _ in range(WARMUP):
            next(taken)
        found = profile(
            lambda: next(taken),
            llm.device,
            llm.identity.dtype,
            seconds=ways[0].step_seconds,
            what="operations",
            asked=step_operations(llm, work),
        )
    if baseline:
        ways.append(_baseline(llm, work, steps, tell, prepared=False))
        if head.quantization != "none" and work.method not in UNPREPARED:
            # Nothing else may use the LLM after it.
            ways.append(_baseline(llm, work, steps, tell, prepared=True))
    return TrainReport(
        head=head,
        method=work.method,
        members=work.members,
        rows=work.rows,
        row_tokens=work.row_tokens,
        virtual_tokens=work.virtual_tokens,
        step_tokens=work.step_tokens,
        steps=steps,
        pass_tokens=batches.tokens,
        checkpointing=llm.checkpointing,
        warmup_steps=WARMUP,
        ways=ways,
        ratio=ways[1].step_seconds / ways[0].step_seconds if baseline else None,
        profile=found,
    )


def _baseline(llm: FrozenLLM, work: Work, steps: int, tell: Tell, *, prepared: bool) -> Way:
    """A run of PEFT for each member, one after the other; a step of all is one step of each run."""

    def runs() -> list[float]:
        own: list[list[float]] = []
        for member in range(work.members):
            tell(f"PEFT's {work.baseline}{', prepared' if prepared else ''}: member {member + 1}")
            with peft_loop(llm, work.method, work.virtual_tokens, prepared=prepared and member == 0) as model:
                own.append(laps(alone(llm, work, model, member, WARMUP + steps), llm.device))
        return [sum(step) for step in zip(*own, strict=True)]

    name = f"PEFT {work.baseline}, one by one"
    return _way(llm, work, f"{name}, prepared for k-bit" if prepared else name, steps, runs)


def _way(llm: FrozenLLM, work: Work, name: str, steps: int, run: Callable[[], list[float]]) -> Way:
    found: list[float] = []
    most = peak(lambda: found.extend(run()), llm.device)
    step_seconds = sum(found[WARMUP:]) / steps
    return Way(
        name=name,
        step_seconds=step_seconds,
        tokens_per_second=work.step_tokens / step_seconds,
        book_seconds=ceil(BOOK_TOKENS / (work.rows * work.row_tokens)) * step_seconds,
        peak=most,
    )

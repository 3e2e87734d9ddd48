"""`bookchorus bench train`: how fast members learn together, and how fast with PEFT one after the other."""

from collections.abc import Callable
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.bench.clock import lap_seconds
from app.bench.limits import step_operations
from app.bench.llm_spec import LLMSpec, Setup
from app.bench.peak import Peak, peak
from app.bench.profiling import Profile, profile
from app.bench.train_steps import OnProgress, TrainWorkload, train_together, train_with_peft
from trainer.baseline.peft_loop import UNPREPARED, peft_loop
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches

# Steps at the beginning of each run that are not counted.
WARMUP = 1
BOOK_TOKENS = 100_000


class TrainSpeed(BaseModel):
    """One way to take a training step with every member.

    `book_seconds` is how long each member needs at this speed to read `BOOK_TOKENS` tokens once.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    step_seconds: float
    tokens_per_second: float
    book_seconds: float
    peak: Peak


class TrainReport(BaseModel):
    """The ways to take a step, beside one another.

    `ratio` is how many times as fast as with PEFT members learn together, `pass_tokens` at most in one pass.
    """

    model_config = ConfigDict(frozen=True)

    head: Setup
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
    ways: list[TrainSpeed]
    ratio: float | None
    profile: Profile | None


def measure_training(
    spec: LLMSpec,
    workload: TrainWorkload,
    steps: int,
    *,
    pass_tokens: int | Literal["auto"] = "auto",
    baseline: bool,
    profiled: bool,
    on_progress: OnProgress,
) -> TrainReport:
    """Take so many steps in each way. CommandError: the LLM cannot be made, or a loss is not a number."""
    workload.recipe(steps)
    on_progress(f"makes {spec.shape}")
    llm = spec.load()
    setup = spec.setup(llm)
    on_progress(f"{workload.members} members learn together")
    batches = Microbatches(llm.device, pass_tokens)

    def together() -> list[float]:
        return lap_seconds(train_together(llm, workload, WARMUP + steps, batches), llm.device)

    speeds = [_speed(llm, workload, "members together", steps, together)]
    found = None
    if profiled:
        on_progress("one step, profiled")
        taken = train_together(llm, workload, WARMUP + 1, batches)
        for _ in range(WARMUP):
            next(taken)
        found = profile(
            lambda: next(taken),
            llm.device,
            llm.identity.dtype,
            seconds=speeds[0].step_seconds,
            what="operations",
            asked=step_operations(llm, workload),
        )
    if baseline:
        speeds.append(_peft_speed(llm, workload, steps, on_progress, prepared=False))
        if setup.quantization != "none" and workload.method not in UNPREPARED:
            # Nothing else may use the LLM after it.
            speeds.append(_peft_speed(llm, workload, steps, on_progress, prepared=True))
    return TrainReport(
        head=setup,
        method=workload.method,
        members=workload.members,
        rows=workload.rows,
        row_tokens=workload.row_tokens,
        virtual_tokens=workload.virtual_tokens,
        step_tokens=workload.step_tokens,
        steps=steps,
        pass_tokens=batches.tokens,
        checkpointing=llm.checkpointing,
        warmup_steps=WARMUP,
        ways=speeds,
        ratio=speeds[1].step_seconds / speeds[0].step_seconds if baseline else None,
        profile=found,
    )


def _peft_speed(
    llm: FrozenLLM, workload: TrainWorkload, steps: int, on_progress: OnProgress, *, prepared: bool
) -> TrainSpeed:
    """Measure a run of PEFT for each member, one after the other; a step of all is one step of each run."""

    def runs() -> list[float]:
        by_member: list[list[float]] = []
        for member in range(workload.members):
            on_progress(f"PEFT's {workload.baseline}{', prepared' if prepared else ''}: member {member + 1}")
            # Prepared once, the LLM stays so.
            prepare = prepared and member == 0
            with peft_loop(llm, workload.method, workload.virtual_tokens, prepared=prepare) as model:
                taken = train_with_peft(llm, workload, model, member, WARMUP + steps)
                by_member.append(lap_seconds(taken, llm.device))
        return [sum(step) for step in zip(*by_member, strict=True)]

    name = f"PEFT {workload.baseline}, one by one"
    return _speed(llm, workload, f"{name}, prepared for k-bit" if prepared else name, steps, runs)


def _speed(
    llm: FrozenLLM, workload: TrainWorkload, name: str, steps: int, run: Callable[[], list[float]]
) -> TrainSpeed:
    """Measure one way to take steps: its mean time after the first steps, and the peak of its memory."""
    seconds: list[float] = []
    most = peak(lambda: seconds.extend(run()), llm.device)
    step_seconds = sum(seconds[WARMUP:]) / steps
    return TrainSpeed(
        name=name,
        step_seconds=step_seconds,
        tokens_per_second=workload.step_tokens / step_seconds,
        book_seconds=ceil(BOOK_TOKENS / (workload.rows * workload.row_tokens)) * step_seconds,
        peak=most,
    )

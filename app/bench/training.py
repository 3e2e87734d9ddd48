"""`bookchorus bench train`: how fast members learn together, and how fast with PEFT one after the other."""

from collections.abc import Callable
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.bench.clock import Deadline, lap_seconds
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

    `book_seconds` is how long each member needs at this speed to read `BOOK_TOKENS` tokens once. `steps` were
    counted of each of `members`: fewer than asked for where the time was up, and the others are taken to be
    as fast.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    steps: int
    members: int
    step_seconds: float
    tokens_per_second: float
    book_seconds: float
    peak: Peak


class TrainReport(BaseModel):
    """The ways to take a step, beside one another; those for which there was time.

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
    limit: float | None,
    on_progress: OnProgress,
) -> TrainReport:
    """Take so many steps in each way, and begin nothing after `limit` seconds.

    CommandError: the LLM cannot be made, or a loss is not a number.
    """
    deadline = Deadline(limit)
    workload.recipe(steps)
    on_progress(f"makes {spec.shape}")
    llm = spec.load()
    setup = spec.setup(llm)
    on_progress(f"{workload.members} members learn together")
    batches = Microbatches(llm.device, pass_tokens)

    def together() -> list[list[float]]:
        taken = train_together(llm, workload, WARMUP + steps, batches)
        return [lap_seconds(taken, llm.device, deadline, WARMUP + 1)]

    speeds = [_speed(llm, workload, "members together", 1, together, on_progress)]
    checkpointing = llm.checkpointing
    found = None
    if profiled and not deadline.has_passed:
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
    if baseline and not deadline.has_passed:
        plain = spec.for_peft(llm)
        if plain is not None:
            on_progress(f"makes {spec.shape} with bitsandbytes' layers")
            llm = plain.load()
        speeds.append(_peft_speed(llm, workload, steps, deadline, on_progress, prepared=False))
        if setup.quantization != "none" and workload.method not in UNPREPARED and not deadline.has_passed:
            # Nothing else may use the LLM after it.
            speeds.append(_peft_speed(llm, workload, steps, deadline, on_progress, prepared=True))
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
        checkpointing=checkpointing,
        warmup_steps=WARMUP,
        ways=speeds,
        ratio=speeds[1].step_seconds / speeds[0].step_seconds if speeds[1:] else None,
        profile=found,
    )


def _peft_speed(
    llm: FrozenLLM,
    workload: TrainWorkload,
    steps: int,
    deadline: Deadline,
    on_progress: OnProgress,
    *,
    prepared: bool,
) -> TrainSpeed:
    """Measure a run of PEFT for each member, one after the other; a step of all is one step of each run."""

    def runs() -> list[list[float]]:
        by_member: list[list[float]] = []
        for member in range(workload.members):
            if by_member and deadline.has_passed:
                break
            on_progress(f"PEFT's {workload.baseline}{', prepared' if prepared else ''}: member {member + 1}")
            # Prepared once, the LLM stays so.
            prepare = prepared and member == 0
            with peft_loop(llm, workload.method, workload.virtual_tokens, prepared=prepare) as model:
                taken = train_with_peft(llm, workload, model, member, WARMUP + steps)
                by_member.append(lap_seconds(taken, llm.device, deadline, WARMUP + 1))
        return by_member

    name = f"PEFT {workload.baseline}, one by one"
    name = f"{name}, prepared for k-bit" if prepared else name
    return _speed(llm, workload, name, workload.members, runs, on_progress)


def _speed(
    llm: FrozenLLM,
    workload: TrainWorkload,
    name: str,
    asked: int,
    run: Callable[[], list[list[float]]],
    on_progress: OnProgress,
) -> TrainSpeed:
    """Measure one way to take steps: its mean time after the first steps, and the peak of its memory.

    `run` gives the seconds of each step, for each of `asked` runs that are one step together.
    """
    laps: list[list[float]] = []
    most = peak(lambda: laps.extend(run()), llm.device)
    counted = [run[WARMUP:] for run in laps]
    step_seconds = sum(sum(run) / len(run) for run in counted) * asked / len(counted)
    on_progress(f"{name}: {step_seconds:.3f} s a step", figure=True)
    return TrainSpeed(
        name=name,
        steps=min(map(len, counted)),
        members=len(counted) * workload.members // asked,
        step_seconds=step_seconds,
        tokens_per_second=workload.step_tokens / step_seconds,
        book_seconds=ceil(BOOK_TOKENS / (workload.rows * workload.row_tokens)) * step_seconds,
        peak=most,
    )

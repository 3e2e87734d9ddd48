"""Where the time of one piece of work goes, by kind, and how far it is from what the device can do."""

import os
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from app.bench.clock import settle
from app.bench.limits import copy_speed, product_speed
from app.bench.op_kinds import KINDS, kind_of

# What bounds work: arithmetic, or reading the weights.
What = Literal["operations", "bytes"]


class Part(BaseModel):
    """Seconds of one kind of work, and its share of all that was profiled."""

    model_config = ConfigDict(frozen=True)

    kind: str
    seconds: float
    share: float


class Limit(BaseModel):
    """What was reached of what the device was measured to do, each a second, without the profiler."""

    model_config = ConfigDict(frozen=True)

    what: What
    asked: float
    reached: float
    device: float
    share: float


class Profile(BaseModel):
    """Time by kind, most first, and the limit that this work has.

    `seconds` are the profiler's, which slows down what it looks at; `between` is what no operation accounts
    for: Python, and on a GPU all time in which it waits for it.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float
    parts: list[Part]
    limit: Limit


def profile(
    work: Callable[[], object],
    device: torch.device,
    dtype: str,
    *,
    seconds: float,
    what: What,
    asked: float,
) -> Profile:
    """Profile `work` once. It takes `seconds` otherwise, and asks for so many operations or bytes."""
    # Its library tells of its own start and stop otherwise.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    settle(device)
    with torch_profile(activities=activities) as profiler:
        started = time.perf_counter()
        work()
        settle(device)
        wall = time.perf_counter() - started
    by_kind: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    events: Any = profiler.events()
    for event in events:
        # On a GPU an operation's time is that of the kernels it started; these are events of their own, too.
        if event.device_type.name != "CPU":
            continue
        microseconds = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        by_kind[kind_of(_names(event))] += microseconds / 1e6
    by_kind["between"] = max(0.0, wall - sum(by_kind.values()))
    total = sum(by_kind.values())
    parts = [
        Part(kind=kind, seconds=own, share=own / total)
        for kind, own in sorted(by_kind.items(), key=lambda item: -item[1])
    ]
    most = product_speed(device, getattr(torch, dtype)) if what == "operations" else copy_speed(device)
    reached = asked / seconds
    limit = Limit(what=what, asked=asked, reached=reached, device=most, share=reached / most)
    return Profile(seconds=wall, parts=parts, limit=limit)


def _names(event: Any) -> list[str]:
    names = []
    while event is not None:
        names.append(str(event.name))
        event = event.cpu_parent
    return names

"""Where the time of one piece of work goes, by kind, and how far it is from what the device can do."""

import os
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from app.bench.clock import synchronize
from app.bench.limits import copy_speed, product_speed
from app.bench.op_kinds import KINDS, kind_of

# What bounds work: arithmetic, or reading the weights.
Bound = Literal["operations", "bytes"]


class TimeShare(BaseModel):
    """Seconds of one kind of operation, and their share of all that was profiled."""

    model_config = ConfigDict(frozen=True)

    kind: str
    seconds: float
    share: float


class Limit(BaseModel):
    """How near the work comes to what the device can do.

    The work asks for `asked` operations or bytes. Without the profiler it does `reached` of them a second,
    where the device was measured to do `device` a second.
    """

    model_config = ConfigDict(frozen=True)

    what: Bound
    asked: float
    reached: float
    device: float
    share: float


class Profile(BaseModel):
    """Time by kind of operation, most first, and the limit that this work has.

    `seconds` were measured with the profiler, which slows the work down. The kind "between" is the time that
    no operation accounts for: Python, and on a GPU all time in which it waits for Python.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float
    parts: list[TimeShare]
    limit: Limit


def profile(
    work: Callable[[], object],
    device: torch.device,
    dtype: str,
    *,
    seconds: float,
    what: Bound,
    asked: float,
) -> Profile:
    """Profile `work` once. It takes `seconds` otherwise, and asks for so many operations or bytes."""
    # Otherwise the profiler's library prints when it starts and stops.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    synchronize(device)
    with torch_profile(activities=activities) as profiler:
        started = time.perf_counter()
        work()
        synchronize(device)
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
        TimeShare(kind=kind, seconds=own, share=own / total)
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

"""How long work takes on a device that may lag behind."""

import time
from collections.abc import Callable, Iterable
from statistics import median

import torch


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that `work` takes."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], device: torch.device, times: int) -> float:
    """The median seconds that `work` takes, of so many times; one more before them is not counted."""
    work()
    return median(seconds(work, device) for _ in range(times))


def lap_seconds(steps: Iterable[object], device: torch.device) -> list[float]:
    """Seconds that each of the steps takes, while they are iterated over."""
    found = []
    synchronize(device)
    started = time.perf_counter()
    for _ in steps:
        synchronize(device)
        ended = time.perf_counter()
        found.append(ended - started)
        started = ended
    return found

"""How long work takes on a device that may lag behind."""

import time
from collections.abc import Callable, Iterable
from statistics import median

import torch


def settle(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that `work` takes."""
    settle(device)
    started = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - started


def typical(work: Callable[[], object], device: torch.device, times: int) -> float:
    """The median of so many times; one more before them is not counted."""
    work()
    return median(seconds(work, device) for _ in range(times))


def laps(steps: Iterable[object], device: torch.device) -> list[float]:
    """Seconds from each thing that comes to the next, the first from now on."""
    found = []
    settle(device)
    started = time.perf_counter()
    for _ in steps:
        settle(device)
        ended = time.perf_counter()
        found.append(ended - started)
        started = ended
    return found

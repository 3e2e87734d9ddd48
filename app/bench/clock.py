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


class Deadline:
    """The end of the time that a benchmark has been given."""

    def __init__(self, limit: float | None) -> None:
        """So many seconds from now; None is no end."""
        self._end = None if limit is None else time.perf_counter() + limit

    @property
    def has_passed(self) -> bool:
        """Whether nothing new may begin."""
        return self._end is not None and time.perf_counter() >= self._end


def median_seconds(
    work: Callable[[], object], device: torch.device, times: int, deadline: Deadline
) -> tuple[float, int]:
    """The median seconds that `work` takes, and of how many times.

    It is done `times` times, or fewer if the deadline passes, but once; one more before them is not counted.
    """
    work()
    found: list[float] = []
    while len(found) < times and not (found and deadline.has_passed):
        found.append(seconds(work, device))
    return median(found), len(found)


def lap_seconds(steps: Iterable[object], device: torch.device, deadline: Deadline, least: int) -> list[float]:
    """Seconds that each of the steps takes, while they are iterated over.

    No step begins after the deadline, but for the first `least`.
    """
    found = []
    synchronize(device)
    started = time.perf_counter()
    for _ in steps:
        synchronize(device)
        ended = time.perf_counter()
        found.append(ended - started)
        if len(found) >= least and deadline.has_passed:
            break
        started = ended
    return found

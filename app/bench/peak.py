"""The most memory that work takes: of the GPU it runs on, or of the process on a CPU."""

import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from app.errors import CommandError
from trainer.llm.heap import trim_heap

# Which memory was measured.
MemoryKind = Literal[
    "allocated on the GPU", "resident in the process", "resident in the process, since it began"
]


class Peak(BaseModel):
    """The most bytes in use at once; `reserved` is the most that the GPU's allocator held."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    kind: MemoryKind
    reserved: int | None = None


class NoRoomError(CommandError):
    """The work takes more memory than the GPU has."""


def peak(work: Callable[[], object], device: torch.device) -> Peak:
    """The most memory in use while `work` runs, with the weights and all else that is there.

    NoRoomError: the GPU has less.
    """
    _free_unused(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        try:
            work()
        except torch.OutOfMemoryError as error:
            raise NoRoomError(
                "There is too little memory on the GPU: try fewer members or rows, or --quantization nf4."
            ) from error
        torch.cuda.synchronize(device)
        return Peak(
            bytes=torch.cuda.max_memory_allocated(device),
            kind="allocated on the GPU",
            reserved=torch.cuda.max_memory_reserved(device),
        )
    reset = _reset_peak()
    work()
    if reset:
        return Peak(bytes=_status("VmHWM"), kind="resident in the process")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Peak(bytes=most * 1024, kind="resident in the process, since it began")


def _free_unused(device: torch.device) -> None:
    """Give unused memory back, so that it does not count."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        return
    trim_heap()


def _reset_peak() -> bool:
    """Let Linux count the peak (VmHWM) from now on; False where it does not."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    """A size of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024

"""The most memory that work takes: of the GPU it runs on, or of the process on a CPU."""

import ctypes
import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from app.errors import CommandError

# Which memory was measured.
Kind = Literal["allocated on the GPU", "resident in the process", "resident in the process, since it began"]


class Peak(BaseModel):
    """The most bytes in use at once. `reserved` is what the GPU's allocator held from others meanwhile."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    kind: Kind
    reserved: int | None = None


class NoRoomError(CommandError):
    """The work takes more memory than the GPU has."""


def peak(work: Callable[[], object], device: torch.device) -> Peak:
    """The most memory in use while `work` runs, weights and all else that is there included. NoRoomError."""
    tidy(device)
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
    from_now = _forget_peak()
    work()
    if from_now:
        return Peak(bytes=_status("VmHWM"), kind="resident in the process")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Peak(bytes=most * 1024, kind="resident in the process, since it began")


def tidy(device: torch.device) -> None:
    """Give back what nobody uses, so that it counts for nobody."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _forget_peak() -> bool:
    """Let Linux count VmHWM from now on; whether it could be told."""
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

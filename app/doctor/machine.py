"""Checks of the machine: Python, PyTorch, the device, bitsandbytes, memory and disk."""

import importlib.metadata
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.doctor.check import Check, State, first_line
from app.settings import Settings
from trainer.llm.availability import ModelUnavailableError
from trainer.options import Quantization

if TYPE_CHECKING:
    import torch

# What a service takes besides the LLM's weights: libraries, embedder, contexts, a book that is read.
_BESIDES = 1_000_000_000
# Room for some books and what is learned of them; with less than the second nothing can be written safely.
_ROOM, _LEAST_ROOM = 2_000_000_000, 100_000_000
# Rounding of int8 is below this, a product that is wrong above.
_INT8_ERROR = 0.1
_BYTES: dict[Quantization, float] = {"int8": 1, "nf4": 0.5}


@dataclass(frozen=True)
class Target:
    """Where the LLM computes, in what, and how its weights are stored."""

    device: "torch.device"
    dtype: "torch.dtype"
    quantization: Quantization

    def weights(self, parameters: int) -> int:
        """About how many bytes the weights take."""
        return round(parameters * _BYTES.get(self.quantization, self.dtype.itemsize))


def python() -> Check:
    """The versions of Python and Bookchorus."""
    release = importlib.metadata.version("bookchorus")
    system = f"{platform.system()} {platform.machine()}"
    return Check("python", "ok", f"Python {platform.python_version()}, Bookchorus {release}, {system}")


def pytorch() -> Check:
    """Whether PyTorch and transformers can be imported."""
    try:
        import torch

        import trainer.llm.loading  # noqa: F401 - transformers
    except (ImportError, OSError) as error:
        why = first_line(error)
        return Check(
            "pytorch", "fault", f"It cannot be imported: {why}", "Install the packages again: make setup"
        )
    built = "without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
    return Check("pytorch", "ok", f"PyTorch {torch.__version__}, {built}")


def device(settings: Settings) -> tuple[Check, Target | None]:
    """The device that the settings name; PyTorch must be there."""
    import torch

    from trainer.llm.loading import resolve_options

    try:
        target = Target(*resolve_options(settings.device, settings.dtype, settings.quantization))
    except ModelUnavailableError as error:
        mend = "Use --device auto or cpu, or install a PyTorch for this card and its driver."
        return Check("device", "fault", str(error), mend), None
    kept = "weights as they are" if target.quantization == "none" else f"weights in {target.quantization}"
    seen = f"{_named(target.device)}, {str(target.dtype).removeprefix('torch.')}, {kept}"
    if target.device.type == "cpu" and settings.device == "auto" and _has_nvidia_driver():
        why = "it is built without CUDA" if torch.version.cuda is None else "CUDA is not available to it"
        mend = "Install a PyTorch that fits the driver (https://pytorch.org); nvidia-smi shows the card."
        return Check("device", "warning", f"{seen}; there is a driver of NVIDIA, but {why}", mend), target
    return Check("device", "ok", seen), target


def bitsandbytes(settings: Settings, target: Target) -> Check:
    """Whether int8 layers multiply where the LLM computes; a fault only where the settings need them."""
    bad: State = "warning" if target.quantization == "none" else "fault"
    mend = "Use --quantization none, or install bitsandbytes again."
    try:
        from trainer.llm.arithmetic import int8_error

        error = int8_error(target.device, target.dtype, settings.arithmetic)
    except Exception as failure:  # whatever a library with code for one machine raises on another
        return Check("bitsandbytes", bad, f"An int8 layer cannot multiply: {first_line(failure)}", mend)
    if not error < _INT8_ERROR:
        return Check("bitsandbytes", bad, f"An int8 layer multiplies wrongly: {error:.0%} off", mend)
    use = "" if target.quantization != "none" else "; it is not needed here"
    return Check("bitsandbytes", "ok", f"An int8 layer multiplies, {error:.1%} off{use}")


def memory(target: Target, parameters: int | None) -> Check:
    """Whether the memory that is free is enough for the weights, where these are known, and all else."""
    weights = 0 if parameters is None else target.weights(parameters)
    free = available_memory()
    parts, short = [], False
    if target.device.type == "cuda":
        import torch

        on_card = torch.cuda.mem_get_info(target.device)[0]
        parts.append(f"{_size(on_card)} free on the card, about {_size(weights + _BESIDES)} needed")
        short = on_card < weights + _BESIDES
        weights = 0
    if free is not None:
        needed = weights + _BESIDES
        parts.append(f"{_size(free)} of memory free, about {_size(needed)} needed")
        short = short or free < needed
    mend = "End other programs, name a smaller --model, or store its weights with --quantization int8."
    return Check(
        "memory", "warning" if short else "ok", "; ".join(parts) or "not known here", mend if short else ""
    )


def disk(settings: Settings, database: int) -> Check:
    """Whether the disk of the data folder has room, also for a copy of a database of so many bytes."""
    folder = next(each for each in (settings.data_dir, *settings.data_dir.parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    seen = f"{_size(free)} free at {folder}, {_size(_ROOM + database)} wanted"
    mend = "Make room, or name a folder on another disk with --data-dir."
    if free < _LEAST_ROOM:
        return Check("disk", "fault", seen, mend)
    return Check("disk", "warning", seen, mend) if free < _ROOM + database else Check("disk", "ok", seen)


def available_memory() -> int | None:
    """Bytes of memory that are free for a new program, within the limit of its container; None: not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # "max" is no limit
        return free
    return min(free, max(0, limit - used))


def _named(device: "torch.device") -> str:
    if device.type != "cuda":
        return str(device)
    import torch

    found = torch.cuda.get_device_properties(device)
    return f"{device}, {found.name}, {_size(found.total_memory)}"


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() and any(Path("/dev").glob("nvidia[0-9]*"))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB"

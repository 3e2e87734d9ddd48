"""Microbatches: how many rows go through the LLM in one pass, as many as memory is found to hold."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")
# Tokens of one pass on CUDA, while nothing is known of the memory.
_TOKENS = 2048
# On a CPU: about a row. More would be no quicker, needs more memory, and who asks next would wait for it.
_CPU_TOKENS = 512
# Seconds of one pass while somebody waits.
_HURRIED_SECONDS = 1.0
# What PyTorch's allocator says on a CPU, C++, oneDNN, CUDA and its libraries. Of a descriptor, oneDNN says so
# where it has no such operation.
_WORDS = re.compile(
    r"(can't|cannot|could not) allocate memory|not enough memory|std::bad_alloc|out of memory|"
    r"could not create a (memory object|primitive(?! descriptor))|CU[A-Z]+_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
# The share of the free memory that a pass may take: memory is fragmented.
_SHARE = 0.8


class OutOfMemoryError(MemoryError):
    """A single row does not fit in memory; the message says what would help."""


class Microbatches:
    """Splits rows into passes. Keep one object per device: it remembers how much fits there."""

    def __init__(
        self,
        device: torch.device,
        tokens: int | Literal["auto"] = "auto",
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tokens` is the most in one pass; "auto" measures what fits on CUDA, and is 512 elsewhere.

        While `hurried` says so, a pass takes about a second, as far as one row allows: somebody waits.
        """
        self._device = device
        self._hurried = hurried
        # Tokens a second of the last pass; none is known before the first.
        self._rate: float | None = None
        self._measures = tokens == "auto" and device.type == "cuda"
        # The most tokens of one pass, by what is known so far.
        self._first = _TOKENS if device.type == "cuda" else _CPU_TOKENS
        self.tokens = self._first if tokens == "auto" else tokens

    def each(
        self, rows: Sequence[T], row_tokens: int, work: Callable[[Sequence[T]], R]
    ) -> Iterator[tuple[Sequence[T], R]]:
        """Do `work` on runs of rows of at most `row_tokens` tokens each; yields every run with its result.

        When `work` runs out of memory it is done again on half of the run, so a failed `work` must have no
        effect. Raises OutOfMemoryError when a single row does not fit.
        """
        start = 0
        while start < len(rows):
            run = rows[start : start + max(1, self._most() // row_tokens)]
            before, began = self._used(), time.monotonic()
            try:
                result = work(run)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(run) == 1:
                    raise OutOfMemoryError(self._advice(row_tokens)) from error
                failed = len(run)
            else:
                failed = 0
            if failed:  # outside of the handler, whose error keeps the tensors of the work alive
                self.tokens, self._measures = failed * row_tokens // 2, False
                release_memory(self._device)
                continue
            if self._measures:
                self._measure(before, len(run) * row_tokens)
            self._rate = len(run) * row_tokens / max(time.monotonic() - began, 1e-6)
            start += len(run)
            yield run, result

    def _most(self) -> int:
        """Tokens of the next pass."""
        if not self._hurried():
            return self.tokens
        return min(self.tokens, self._first if self._rate is None else int(self._rate * _HURRIED_SECONDS))

    def _used(self) -> int:
        if not self._measures:
            return 0
        torch.cuda.reset_peak_memory_stats(self._device)
        return int(torch.cuda.memory_allocated(self._device))

    def _measure(self, before: int, tokens: int) -> None:
        """Set the tokens of a pass by what the last one took."""
        a_token = max(1, (torch.cuda.max_memory_allocated(self._device) - before) // tokens)
        free, _ = torch.cuda.mem_get_info(self._device)
        cached = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        self.tokens, self._measures = max(_TOKENS, int(_SHARE * (free + cached)) // a_token), False

    def _advice(self, row_tokens: int) -> str:
        fits = max(16, row_tokens // 2)
        advice = (
            f"a row of {row_tokens} tokens does not fit in memory: try half of it (row_tokens and "
            f"virtual_tokens of together {fits}), or load the LLM with checkpointing on, or with "
            "quantization int8 or nf4"
        )
        if self._device.type != "cuda":
            return advice
        free, total = torch.cuda.mem_get_info(self._device)
        return f"{advice}; {free >> 20} of {total >> 20} MiB on {self._device} are free"


def add_gradients(loss: Tensor, leaves: Sequence[Tensor]) -> None:
    """Add the gradient of a loss to the leaves' gradients: all of it, or nothing if it fails."""
    for leaf, gradient in zip(leaves, torch.autograd.grad(loss, leaves), strict=True):
        leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, by its type or, where libraries have none, by its text."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and _WORDS.search(str(error)) is not None


def release_memory(device: torch.device) -> None:
    """Give back the GPU memory that PyTorch keeps for later."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()

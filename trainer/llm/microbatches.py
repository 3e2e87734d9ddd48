"""How many rows go through the LLM at once: as many as fit in memory, which is found out as it goes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
# Tokens of one pass where nothing is known of the memory.
_TOKENS = 2048
# Of the memory that is free, what a pass may take: allocators leave holes.
_SHARE = 0.8


class OutOfMemoryError(MemoryError):
    """A single row does not fit in memory."""


class Microbatches:
    """Cuts rows into passes. One object serves all trainings on a device: it learns what fits there."""

    def __init__(self, device: torch.device, tokens: int | Literal["auto"] = "auto") -> None:
        """`tokens` is the most of one pass; "auto" measures on CUDA, and is 2,048 elsewhere."""
        self._device = device
        self._measures = tokens == "auto" and device.type == "cuda"
        # The most tokens of one pass, as far as is known.
        self.tokens = _TOKENS if tokens == "auto" else tokens

    def each(
        self, rows: Sequence[T], row_tokens: int, work: Callable[[Sequence[T]], R]
    ) -> Iterator[tuple[Sequence[T], R]]:
        """Do `work` on runs of rows of at most so many tokens each; yields every run with what came of it.

        Work that runs out of memory is done again on half of the run; it must leave nothing behind when it
        fails. Raises OutOfMemoryError when a run is a single row.
        """
        start = 0
        while start < len(rows):
            run = rows[start : start + max(1, self.tokens // row_tokens)]
            before = self._used()
            try:
                result = work(run)
            except RuntimeError as error:
                if not ran_out(error):
                    raise
                if len(run) == 1:
                    raise OutOfMemoryError(self._told(row_tokens)) from error
                failed = len(run)
            else:
                failed = 0
            if failed:  # outside of the handler, whose error holds on to what the work has made
                self.tokens, self._measures = failed * row_tokens // 2, False
                release(self._device)
                continue
            if self._measures:
                self._measure(before, len(run) * row_tokens)
            start += len(run)
            yield run, result

    def _used(self) -> int:
        if not self._measures:
            return 0
        torch.cuda.reset_peak_memory_stats(self._device)
        return int(torch.cuda.memory_allocated(self._device))

    def _measure(self, before: int, tokens: int) -> None:
        """What one pass took says how many tokens fit."""
        a_token = max(1, (torch.cuda.max_memory_allocated(self._device) - before) // tokens)
        free, _ = torch.cuda.mem_get_info(self._device)
        cached = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        self.tokens, self._measures = max(_TOKENS, int(_SHARE * (free + cached)) // a_token), False

    def _told(self, row_tokens: int) -> str:
        fits = max(16, row_tokens // 2)
        told = (
            f"a row of {row_tokens} tokens does not fit in memory: try half of it (row_tokens and "
            f"virtual_tokens of together {fits}), BOOKCHORUS_CHECKPOINTING=on, or "
            "BOOKCHORUS_QUANTIZATION=int8 or nf4"
        )
        if self._device.type != "cuda":
            return told
        free, all_of_it = torch.cuda.mem_get_info(self._device)
        return f"{told}; {free >> 20} of {all_of_it >> 20} MiB on {self._device} are free"


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory; PyTorch has no class for it on a CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def release(device: torch.device) -> None:
    """Give the memory back that PyTorch keeps for later."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()

"""Decodes answers in tensors that keep their shapes, so that on CUDA a graph replays each step.

A step of a small batch is bound by the starting of its kernels, of which a layer has some thirty. A graph
starts all of them at once.
"""

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trainer.llm.batch_types import Row
from trainer.llm.causal_decoding import Hidden, left_padded
from trainer.llm.context import contexts_of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues, additive_mask, fixed_cache

log = logging.getLogger(__name__)
# To capture a graph takes about as long as two steps: not for fewer tokens.
_WORTH = 8


class StaticDecoding:
    """A batch of rows, like `CausalDecoding`, in buffers for the whole answer; a mask hides what is empty.

    Rows that have left are computed on, since a graph knows no other shapes.
    """

    def __init__(self, llm: FrozenLLM, hidden: Hidden, rows: Sequence[Row], most: int) -> None:
        """The LLM's layers keep all keys and values."""
        self._llm = llm
        self._hidden = hidden
        contexts = contexts_of_kind(KeysAndValues, [row.context for row in rows])
        self._deltas = row_deltas(contexts)
        self._start, mask = left_padded(llm, rows)
        self._place = torch.zeros(1, dtype=torch.long, device=llm.device)
        room = mask.shape[1] + most
        self._cache, read = fixed_cache(llm.model, contexts, room, self._place)
        self._read = read.shape[1]
        filled = torch.cat([read, mask], dim=1)
        self._positions = (filled.cumsum(-1) - 1).clamp(min=0)[:, self._read :]
        # What attention adds for the next position [rows, 1, 1, all positions]: 0 where it sees one.
        seen = torch.cat([filled, filled.new_zeros(len(rows), most)], dim=1)[:, None, None].bool()
        self._mask = additive_mask(seen, self._start.dtype)
        self._tokens = torch.zeros(len(rows), dtype=torch.long, device=llm.device)
        self._kept = torch.arange(len(rows), device=llm.device)
        self._replayed: Callable[[], Tensor] | None = None
        self._captures = llm.device.type == "cuda" and most >= _WORTH

    def step(self, tokens: Tensor | None) -> Tensor:
        """Feed the last tokens [rows], None at first; hidden states [rows, hidden] that predict the next."""
        if tokens is None:
            states = self._hidden(self._start, self._beginning(), self._positions, self._cache, self._deltas)[
                :, -1
            ]
            self._place += self._start.shape[1]
            self._positions = self._positions[:, -1:] + 1
            return states[self._kept]
        self._tokens[self._kept] = tokens
        if self._captures:
            self._capture()
        states = (self._replayed or self._next)()
        self._place += 1
        self._positions += 1
        return states[self._kept]

    def select(self, rows: Tensor) -> None:
        """Give the states of these rows alone from now on."""
        self._kept = self._kept[rows]

    def _next(self) -> Tensor:
        """The states after the tokens. Done twice, it gives and leaves the same."""
        self._mask.index_fill_(3, self._place, 0.0)
        embeddings = self._llm.embed(self._tokens[:, None])
        return self._hidden(embeddings, self._mask, self._positions, self._cache, self._deltas)[:, -1]

    def _beginning(self) -> Tensor:
        """What it adds for the positions of the rows' beginnings [rows, 1, length, all positions]."""
        length = self._start.shape[1]
        seen = (self._mask == 0).repeat(1, 1, length, 1)
        own = seen[..., self._read : self._read + length]
        own &= own.new_ones(length, length).tril()
        # Padding sees itself: a softmax over nothing would be NaN.
        own |= torch.eye(length, dtype=torch.bool, device=own.device)
        return additive_mask(seen, self._mask.dtype)

    def _capture(self) -> None:
        """Make the graph that replays `_next`. Where that fails, this LLM's steps are computed one by one."""
        self._captures = False
        device = self._llm.device
        try:
            # Before a graph is captured, its work is done once on another stream (PyTorch, "CUDA Graphs").
            stream = torch.cuda.Stream(device)
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                self._next()
            torch.cuda.current_stream(device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                states = self._next()
        except RuntimeError as error:
            log.warning("No CUDA graph of a decoding step can be captured: %s", error)
            self._llm.static_decoding = False
            return

        def replayed() -> Tensor:
            graph.replay()
            return states

        self._replayed = replayed

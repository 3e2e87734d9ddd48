"""LoRA deltas (2106.09685) of a frozen LLM: each row of a batch has its own.

The weights stay as they are, whatever their quantization: a hook adds the delta to a module's output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

# Queries and values, by their names in each family; NeoX has one module for queries, keys and values.
_MODULES = ("q_proj", "v_proj", "q", "v", "query_key_value")
# lora_alpha / r in PEFT's configurations.
LORA_SCALE = 2.0


@dataclass(frozen=True, eq=False)
class LoraDeltas:
    """One member's deltas: for each module, by its name, A [rank, in] and B [out, rank].

    A module's output for the input x grows by 2 B A x; B includes any other scale.
    """

    weights: Mapping[str, tuple[Tensor, Tensor]]

    @property
    def nbytes(self) -> int:
        """Bytes of all A and B."""
        return sum(down.nbytes + up.nbytes for down, up in self.weights.values())


# The deltas of the rows of the forward pass under way, stacked, by module.
_added: ContextVar[Mapping[str, tuple[Tensor, Tensor]] | None] = ContextVar("added", default=None)


def attach(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Hook the modules that deltas apply to; their names, with their sizes (out, in)."""
    found: dict[str, tuple[int, int]] = {}
    for name, module in model.named_modules():
        if name.rpartition(".")[2] in _MODULES and isinstance(module, nn.Linear):
            module.register_forward_hook(partial(_with_deltas, name))
            found[name] = module.out_features, module.in_features
    return found


class RowDeltas:
    """The deltas of a batch's rows, stacked for each module; None where a row has none."""

    def __init__(self, rows: Sequence[LoraDeltas | None]) -> None:
        names = sorted({name for deltas in rows if deltas for name in deltas.weights})
        self._stacked = {
            name: _stacked([None if deltas is None else deltas.weights.get(name) for deltas in rows])
            for name in names
        }

    def select(self, rows: Tensor) -> RowDeltas:
        """The deltas of these rows [rows], int64."""
        chosen = RowDeltas([])
        chosen._stacked = {name: (down[rows], up[rows]) for name, (down, up) in self._stacked.items()}
        return chosen

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Apply the deltas to every forward pass within the context; its batch must be these rows."""
        before = _added.set(self._stacked or None)
        try:
            yield
        finally:
            _added.reset(before)


def _stacked(rows: Sequence[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, Tensor]:
    """A [rows, rank, in] and B [rows, out, rank], zero where a row has none or a lower rank."""
    some = next(weights for weights in rows if weights is not None)
    rank = max(len(weights[0]) for weights in rows if weights is not None)
    none = some[0].new_zeros(rank, some[0].shape[1]), some[1].new_zeros(some[1].shape[0], rank)
    downs, ups = zip(*(none if weights is None else weights for weights in rows), strict=True)
    return (
        torch.stack([pad(down, (0, 0, 0, rank - len(down))) for down in downs]),
        torch.stack([pad(up, (0, rank - up.shape[1])) for up in ups]),
    )


def _with_deltas(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
    added = _added.get()
    if added is None or name not in added:
        return None
    down, up = added[name]
    row: Tensor = inputs[0]
    return output + LORA_SCALE * ((row @ down.to(row.dtype).mT) @ up.to(row.dtype).mT).to(output.dtype)

"""Checkpoints: where an optimisation stands, to go on from there bit by bit; never a pickle."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trainer.methods.tensors import FormatError

# Where the reading of rows stands, in an objective; the tensors are made when they are asked for.
Position = Callable[[], dict[str, Tensor]]
# The name, in the bytes, of the facts as JSON.
_FACTS = "facts"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Named tensors of any type and facts that JSON can hold; both are those of the moment when `to_bytes`
    is called, if what they belong to goes on.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Safetensors bytes. ValueError: the facts hold numbers that are not finite."""
        facts = json.dumps(dict(self.facts), allow_nan=False).encode()
        # With spaces to a power of two: safetensors makes a ctypes type for each length, which stays forever.
        facts = facts.ljust(1 << len(facts).bit_length())
        # Copied: tensors that are parts of one cannot be saved.
        kept = {
            name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in self.tensors.items()
        }
        kept[_FACTS] = torch.from_numpy(np.frombuffer(facts, np.uint8).copy())
        return bytes(safetensors.torch.save(kept))

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `name` and a dot, without these."""
        return part(self.tensors, name)


def checkpoint_from_bytes(data: bytes) -> Checkpoint:
    """The checkpoint in `data`, on the CPU. Raises FormatError for other bytes."""
    try:
        tensors = safetensors.torch.load(data)
        facts = json.loads(tensors.pop(_FACTS).numpy().tobytes())
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise FormatError(f"it is no checkpoint: {error}") from error
    return Checkpoint(tensors, facts)


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `name` and a dot, without these."""
    return {
        key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")
    }


def named(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, with `name` and a dot before the name of each: `part` undoes it."""
    return {f"{name}.{key}": value for key, value in tensors.items()}


def moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser keeps of each of its tensors, by the number of the tensor and its own name."""
    kept = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, one in kept.items() for name, value in one.items()}


def set_moments(optimiser: torch.optim.Optimizer, kept: Mapping[str, Tensor]) -> None:
    """Give a new optimiser, over tensors of the same shapes, what `moments` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in kept.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def state_tensor(state: tuple[Any, ...]) -> Tensor:
    """What `Random.getstate` gave, int64 [625]: the Mersenne twister's."""
    return torch.tensor(state[1], dtype=torch.int64)


def set_random_state(choose: random.Random, state: Tensor) -> None:
    """Put a generator of random numbers into a state that `state_tensor` gave."""
    version, _, gauss = choose.getstate()
    choose.setstate((version, tuple(state.tolist()), gauss))

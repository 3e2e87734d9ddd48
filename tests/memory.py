"""A machine with too little memory for an LLM: a fault put into the world around it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainer.llm.frozen_llm import FrozenLLM


@contextmanager
def small_memory(llm: FrozenLLM, most: int, *, in_backward: bool = False) -> Iterator[list[int]]:
    """More than `most` positions at once are too much for the first block of a Llama, on the way there or
    on a gradient's way back; those that were are in the list.
    """
    failed: list[int] = []

    def check(positions: int) -> None:
        if positions > most:
            failed.append(positions)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    def before(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        check(inputs[0].shape[0] * inputs[0].shape[1])

    def after(_: nn.Module, gradients: tuple[Tensor, ...], __: tuple[Tensor, ...]) -> None:
        check(gradients[0].shape[0] * gradients[0].shape[1])

    # On a gradient's way back, those of the later blocks are there by then.
    block = llm.model.base_model.layers[0].mlp
    hook = (
        block.register_full_backward_hook(after) if in_backward else block.register_forward_pre_hook(before)
    )
    try:
        yield failed
    finally:
        hook.remove()

"""Gradient checkpointing (1604.06174): a block's inner values are computed again when its gradient is due.

transformers has its own, which asks for a model in training mode and drops keys and values that were read
before; here rows stand behind such, and the model is never in training mode.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.modeling_layers import GradientCheckpointingLayer


def possible(model: PreTrainedModel) -> bool:
    """Whether a block of the model can be computed twice: a layer that keeps a window moves it each time."""
    if model.config.is_encoder_decoder:
        return True
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def attach(model: nn.Module, wanted: Callable[[], bool]) -> None:
    """Let the model's blocks be computed twice instead of kept, if it is `wanted` and gradients are on."""
    for block in model.modules():
        if isinstance(block, GradientCheckpointingLayer):
            setattr(block, "forward", _twice(block.forward, wanted))  # noqa: B010 (a method, to mypy)


def _twice(forward: Callable[..., Any], wanted: Callable[[], bool]) -> Callable[..., Any]:
    def computed(*args: Any, **kwargs: Any) -> Any:
        if not (wanted() and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        # The changes of rows are in a context variable, which is another's by the time of the gradient.
        context = copy_context()
        return checkpoint(
            lambda *inputs: context.run(forward, *inputs, **kwargs),
            *args,
            use_reentrant=False,
            preserve_rng_state=False,
        )

    return computed

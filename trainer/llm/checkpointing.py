"""Gradient checkpointing (1604.06174): a block's inner values are computed again for its gradient, not kept.

transformers' own checkpointing needs a model in training mode and drops the cached keys and values. Here the
model is always in evaluation mode, and rows follow cached keys and values.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from trainer.llm.kv_cache import keeps_all


def can_checkpoint(model: PreTrainedModel) -> bool:
    """Whether blocks can be computed twice. A sliding-window cache cannot: it would move on a second time."""
    return bool(model.config.is_encoder_decoder) or keeps_all(model)


def attach(model: nn.Module, wanted: Callable[[], bool], draws: Callable[[], bool]) -> None:
    """Checkpoint the model's blocks whenever `wanted()` is true and gradients are enabled.

    Where a block `draws()` random numbers, the second computation draws the same ones.
    """
    for block in model.modules():
        if isinstance(block, GradientCheckpointingLayer):
            setattr(block, "forward", _checkpointed(block.forward, wanted, draws))  # noqa: B010 (a method, to mypy)


def _checkpointed(
    forward: Callable[..., Any], wanted: Callable[[], bool], draws: Callable[[], bool]
) -> Callable[..., Any]:
    def computed(*args: Any, **kwargs: Any) -> Any:
        if not (wanted() and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        # The LoRA deltas are in a context variable, which has changed when the gradient is computed.
        context = copy_context()
        return checkpoint(
            lambda *inputs: context.run(forward, *inputs, **kwargs),
            *args,
            use_reentrant=False,
            preserve_rng_state=draws(),
        )

    return computed

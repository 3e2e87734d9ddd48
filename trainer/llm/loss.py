"""Next-token cross-entropy of hidden states, in chunks: the logits of all positions never exist at once."""

from typing import Any, cast

import torch
from torch import Tensor

# Positions in a chunk: 256 x 49,152 logits in float32 are 50 MB.
_CHUNK = 256


class _TokenLoss(torch.autograd.Function):
    """Computes d loss/d hidden in the forward pass, so that logits are computed once and not stored."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        losses = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        needs_gradient = hidden.requires_grad
        gradient = torch.empty_like(hidden) if needs_gradient else None
        for start in range(0, hidden.shape[0], _CHUNK):
            chunk = slice(start, start + _CHUNK)
            logits = (hidden[chunk] @ head.T).float()
            normaliser = logits.logsumexp(-1)
            target = targets[chunk, None]
            losses[chunk] = normaliser - logits.gather(-1, target).squeeze(-1)
            if gradient is not None:
                probabilities = logits.sub_(normaliser[:, None]).exp_()
                probabilities.scatter_add_(-1, target, torch.full_like(target, -1, dtype=torch.float32))
                gradient[chunk] = probabilities.to(head.dtype) @ head
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0][:, None].to(gradient.dtype), None, None


def token_loss(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of each target, in nats.

    hidden [tokens, hidden], head [vocabulary, hidden] of the same dtype, targets [tokens] int64 -> [tokens]
    float32. The softmax is in float32. Gradients reach `hidden` alone: the head is frozen.
    """
    return cast(Tensor, _TokenLoss.apply(hidden, head, targets))  # type: ignore[no-untyped-call]

"""What hidden states say of the next token, in chunks: the logits of all positions never exist at once."""

from typing import Any, cast

import torch
from torch import Tensor

# Positions in a chunk: 256 x 49,152 logits in float32 are 50 MB.
_CHUNK = 256


class _TokenLoss(torch.autograd.Function):
    """Computes d loss/d hidden in the forward pass, so that logits are computed once and not stored."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
        losses = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        needs_gradient = hidden.requires_grad
        gradient = torch.empty_like(hidden) if needs_gradient else None
        for start in range(0, hidden.shape[0], _CHUNK):
            chunk = slice(start, start + _CHUNK)
            logits = (hidden[chunk] @ head.T).float()
            normaliser = logits.logsumexp(-1)
            target, share = targets[chunk], shares[chunk]
            losses[chunk] = normaliser - (share * logits.gather(-1, target)).sum(-1)
            if gradient is not None:
                probabilities = logits.sub_(normaliser[:, None]).exp_()
                probabilities.scatter_add_(-1, target, -share)
                gradient[chunk] = probabilities.to(head.dtype) @ head
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0][:, None].to(gradient.dtype), None, None, None


def token_loss(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of each target, in nats.

    hidden [tokens, hidden], head [vocabulary, hidden] of the same dtype, targets [tokens] int64 -> [tokens]
    float32. The softmax is in float32. Gradients reach `hidden` alone: the head is frozen.
    """
    return soft_token_loss(
        hidden, head, targets[:, None], torch.ones_like(targets[:, None], dtype=torch.float32)
    )


def soft_token_loss(hidden: Tensor, head: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy with a distribution at each position, in nats: as `token_loss`, with several targets.

    targets [tokens, choices] int64, each with its share [tokens, choices] float32. The shares of a position
    sum to 1; a target may stand there twice.
    """
    return cast(Tensor, _TokenLoss.apply(hidden, head, targets, shares))  # type: ignore[no-untyped-call]


def likeliest(hidden: Tensor, head: Tensor, choices: int) -> tuple[Tensor, Tensor]:
    """The likeliest tokens at each position [tokens, choices] int64, with their shares, float32.

    hidden [tokens, hidden], head [vocabulary, hidden] of the same dtype. The shares are the probabilities of
    these tokens, scaled to sum to 1; there are no more choices than the vocabulary has.
    """
    most = min(choices, len(head))
    found = [(part @ head.T).float().topk(most) for part in hidden.split(_CHUNK)]
    return torch.cat([one.indices for one in found]), torch.cat([one.values for one in found]).softmax(-1)

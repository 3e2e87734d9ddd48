"""Losses of packed exchanges: many questions about one text, with their answers, in one row of the LLM.

The exchanges cannot see one another, so each has the losses that it would have alone after the text.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from trainer.llm.batch_types import Exchange, Pack, SoftTargets
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import likeliest, soft_token_loss


def pack_losses(llm: FrozenLLM, packs: Sequence[Pack], prompts: Tensor | None = None) -> list[list[Tensor]]:
    """Cross-entropy, nats, at every answer token: for each pack, one float32 tensor per exchange.

    Each exchange is read as [context][prompt][text][exchange]; `prompts` are [packs, virtual tokens, hidden].
    Gradients reach the prompts and the contexts.
    """
    exchanges = [exchange for pack in packs for exchange in pack.exchanges]
    targets = _targets(exchanges)
    losses = soft_token_loss(
        llm.answer_states(packs, prompts),
        llm.head,
        targets.tokens.to(llm.device),
        targets.shares.to(llm.device),
    )
    split = iter(losses.split([len(exchange.answer) for exchange in exchanges]))
    return [[next(split) for _ in pack.exchanges] for pack in packs]


def _targets(exchanges: Sequence[Exchange]) -> SoftTargets:
    """What is to be said at each token of all answers; choices that fill up the others have no share."""
    each = [
        hard_targets(exchange.answer) if exchange.targets is None else exchange.targets
        for exchange in exchanges
    ]
    most = max(one.tokens.shape[1] for one in each)
    tokens, shares = (
        torch.cat([pad(tensor, (0, most - tensor.shape[1])) for tensor in tensors])
        for tensors in ([one.tokens for one in each], [one.shares for one in each])
    )
    return SoftTargets(tokens, shares)


def hard_targets(answer: Sequence[int]) -> SoftTargets:
    """Each token of an answer, with all of the share."""
    tokens = torch.tensor(answer, dtype=torch.long)[:, None]
    return SoftTargets(tokens, torch.ones(tokens.shape))


@torch.no_grad()
def spoken(llm: FrozenLLM, packs: Sequence[Pack], choices: int) -> list[list[SoftTargets]]:
    """What the LLM would say at each token of the answers, the likeliest `choices`: for each pack, one
    distribution per exchange.

    Their probabilities are scaled to sum to 1. They are on the CPU.
    """
    tokens, shares = (each.cpu() for each in likeliest(llm.answer_states(packs, None), llm.head, choices))
    sizes = [len(exchange.answer) for pack in packs for exchange in pack.exchanges]
    each = iter(zip(tokens.split(sizes), shares.split(sizes), strict=True))
    return [[SoftTargets(*next(each)) for _ in pack.exchanges] for pack in packs]

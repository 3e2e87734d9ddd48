"""Losses of packed exchanges: many questions about one text, with their answers, in one row of the LLM.

The exchanges cannot see one another, so each has the losses that it would have alone after the text.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.batch_types import Pack
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import token_loss


def pack_losses(llm: FrozenLLM, packs: Sequence[Pack], prompts: Tensor | None = None) -> list[list[Tensor]]:
    """Negative log-likelihood, nats, of every answer token: for each pack, one float32 tensor per exchange.

    Each exchange is read as [context][prompt][text][exchange]; `prompts` are [packs, virtual tokens, hidden].
    Gradients reach the prompts and the contexts.
    """
    answers = [exchange.answer for pack in packs for exchange in pack.exchanges]
    targets = torch.tensor([token for answer in answers for token in answer], device=llm.device)
    losses = token_loss(llm.answer_states(packs, prompts), llm.head, targets)
    split = iter(losses.split([len(answer) for answer in answers]))
    return [[next(split) for _ in pack.exchanges] for pack in packs]

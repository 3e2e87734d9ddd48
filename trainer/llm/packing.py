"""Exchanges packed behind one text: many questions, each with its answer, that cannot see one another.

What is asked about one passage goes to the LLM at once; each exchange has the losses that it has alone behind
the passage.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.batch_types import Pack
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import token_loss


def pack_losses(llm: FrozenLLM, packs: Sequence[Pack], prompts: Tensor | None = None) -> list[list[Tensor]]:
    """Negative log-likelihood, nats, of every answer token: for each pack, a float32 tensor an exchange.

    A row is [context][prompt][text][exchange], for each exchange; prompts [packs, virtual tokens, hidden].
    Gradients reach `prompts` and contexts that want them.
    """
    answers = [exchange.answer for pack in packs for exchange in pack.exchanges]
    targets = torch.tensor([token for answer in answers for token in answer], device=llm.device)
    losses = token_loss(llm.answer_states(packs, prompts), llm.head, targets)
    split = iter(losses.split([len(answer) for answer in answers]))
    return [[next(split) for _ in pack.exchanges] for pack in packs]

"""Exchanges packed behind one text: many questions, each with its answer, that cannot see one another.

What is asked about one passage goes to the LLM at once; each exchange has the losses that it has alone behind
the passage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import token_loss


@dataclass(frozen=True)
class Exchange:
    """Tokens of a turn, and those of the answer to it, which alone are learned."""

    turn: Sequence[int]
    answer: Sequence[int]
    weight: float = 1.0

    @property
    def tokens(self) -> list[int]:
        """The turn and the answer."""
        return [*self.turn, *self.answer]


@dataclass(frozen=True)
class Pack:
    """Exchanges behind `text`, which is behind the context."""

    exchanges: Sequence[Exchange]
    text: Sequence[int] = field(default_factory=list)
    context: Context | None = None

    @property
    def length(self) -> int:
        """Tokens in all, virtual tokens not counted."""
        return len(self.text) + sum(len(exchange.tokens) for exchange in self.exchanges)


def pack_losses(llm: FrozenLLM, packs: Sequence[Pack], prompts: Tensor | None = None) -> list[list[Tensor]]:
    """Negative log-likelihood, nats, of every answer token: for each pack, a float32 tensor an exchange.

    A row is [context][prompt][text][exchange], for each exchange; prompts [packs, virtual tokens, hidden].
    Gradients reach `prompts` and contexts that want them.
    """
    answers = [exchange.answer for pack in packs for exchange in pack.exchanges]
    targets = torch.tensor([token for answer in answers for token in answer], device=llm.device)
    losses = token_loss(llm.answered(packs, prompts), llm.head, targets)
    split = iter(losses.split([len(answer) for answer in answers]))
    return [[next(split) for _ in pack.exchanges] for pack in packs]

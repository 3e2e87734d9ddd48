"""Losses of rows of text, each after a soft prompt and context of its own, or after none."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.context import Context, context_per_row
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import token_loss


def row_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Sequence[Context | None] | Context | None = None,
) -> list[Tensor]:
    """Negative log-likelihood, nats, of each row's predicted tokens: one float32 tensor per row.

    A row is read as [context][prompt][row]; `prompts` are [rows, virtual tokens, hidden], `context` is one
    for all rows or one for each. A causal LLM predicts all tokens, but not the first one where there is no
    prompt; an encoder-decoder predicts the second half. Gradients reach the prompts and the contexts.
    """
    virtual = 0 if prompts is None else prompts.shape[1]
    predicted = [row[llm.conditioned_tokens(len(row), virtual) :] for row in rows]
    targets = torch.tensor([token for row in predicted for token in row], device=llm.device)
    contexts = context_per_row(context, len(rows))
    losses = token_loss(llm.continuation_states(rows, prompts, contexts), llm.head, targets)
    return list(losses.split(list(map(len, predicted))))


@torch.no_grad()
def mean_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Sequence[Context | None] | Context | None = None,
) -> list[float]:
    """Mean of `row_losses` for each row, nats per token.

    Only over tokens that are predicted without prompts too, so that losses with and without compare.
    """
    losses = row_losses(llm, prompts, rows, context)
    predicted = [len(row) - llm.conditioned_tokens(len(row), 0) for row in rows]
    return [float(loss[-count:].mean()) for loss, count in zip(losses, predicted, strict=True)]

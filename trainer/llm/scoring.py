"""Loss of rows of text, each behind its own soft prompt or behind none."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.context import Context, each
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loss import token_loss


def row_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Sequence[Context | None] | Context | None = None,
) -> list[Tensor]:
    """Negative log-likelihood, nats, of the tokens of every row that are not `given`: a float32 tensor a row.

    prompts [rows, virtual tokens, hidden] stand before the rows. Given is the beginning that an
    encoder-decoder LLM reads, or to a causal LLM without prompts the first token, which nothing predicts.
    `behind` is one context for all rows or one for each. Gradients reach prompts and contexts.
    """
    virtual = 0 if prompts is None else prompts.shape[1]
    predicted = [row[llm.conditioned_tokens(len(row), virtual) :] for row in rows]
    targets = torch.tensor([token for row in predicted for token in row], device=llm.device)
    contexts = each(context, len(rows))
    losses = token_loss(llm.continuation_states(rows, prompts, contexts), llm.head, targets)
    return list(losses.split(list(map(len, predicted))))


@torch.no_grad()
def mean_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Sequence[Context | None] | Context | None = None,
) -> list[float]:
    """Mean of `row_losses` for each row, of the tokens that have one without prompts too: they compare."""
    losses = row_losses(llm, prompts, rows, context)
    predicted = [len(row) - llm.conditioned_tokens(len(row), 0) for row in rows]
    return [float(loss[-count:].mean()) for loss, count in zip(losses, predicted, strict=True)]

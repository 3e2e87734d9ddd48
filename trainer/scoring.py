"""Loss of rows of text, each behind its own soft prompt or behind none."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from trainer.context import Context, each
from trainer.frozen import FrozenLLM
from trainer.loss import token_loss

T = TypeVar("T")


def row_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    behind: Sequence[Context | None] | Context | None = None,
) -> list[Tensor]:
    """Negative log-likelihood, nats, of the tokens of every row that are not `given`: a float32 tensor a row.

    prompts [rows, virtual tokens, hidden] stand before the rows. Given is the beginning that an
    encoder-decoder LLM reads, or to a causal LLM without prompts the first token, which nothing predicts.
    `behind` is one context for all rows or one for each. Gradients reach prompts and contexts.
    """
    virtual = 0 if prompts is None else prompts.shape[1]
    predicted = [row[llm.given(len(row), virtual) :] for row in rows]
    targets = torch.tensor([token for row in predicted for token in row], device=llm.device)
    contexts = each(behind, len(rows))
    losses = token_loss(llm.continued(rows, prompts, contexts), llm.head, targets)
    return list(losses.split(list(map(len, predicted))))


@torch.no_grad()
def mean_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    behind: Sequence[Context | None] | Context | None = None,
) -> list[float]:
    """Mean of `row_losses` for each row, of the tokens that have one without prompts too: they compare."""
    losses = row_losses(llm, prompts, rows, behind)
    predicted = [len(row) - llm.given(len(row), 0) for row in rows]
    return [float(loss[-count:].mean()) for loss, count in zip(losses, predicted, strict=True)]


def passes(rows: Sequence[T], row_length: int, pass_tokens: int) -> Iterator[Sequence[T]]:
    """Cut rows into runs that hold at most `pass_tokens` tokens each, or a single row."""
    size = max(1, pass_tokens // row_length)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]

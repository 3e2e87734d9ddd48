"""Loss of rows of text, each behind its own soft prompt or behind none."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from trainer.context import Context, stacked
from trainer.frozen import FrozenLLM
from trainer.loss import token_loss

T = TypeVar("T")


def row_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Context | None = None,
) -> list[Tensor]:
    """Negative log-likelihood, nats, of every token of every row: one float32 tensor a row.

    prompts [rows, virtual tokens, hidden] stand before the rows; the last virtual token predicts a row's
    first token (as in PEFT). Without prompts nothing does, and a row's tensor begins with its second token.
    All rows are behind `context`. Gradients reach `prompts`.
    """
    length = max(map(len, rows))
    # Rows are padded behind their end, where a causal model's earlier positions cannot see: no mask needed.
    padded = torch.tensor([[*row, *[row[-1]] * (length - len(row))] for row in rows], device=llm.device)
    embeddings = llm.embed(padded)
    virtual = 0
    if prompts is not None:
        virtual = prompts.shape[1]
        embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
    hidden = llm.hidden(embeddings, **_behind(llm, context, *embeddings.shape[:2]))
    # Position p predicts token p + 1 - virtual: take just the positions that predict a real token.
    first = 0 if virtual else 1
    lengths = torch.tensor([len(row) for row in rows], device=llm.device)
    real = torch.arange(length, device=llm.device)[None] < lengths[:, None]
    real[:, :first] = False
    where, token = real.nonzero(as_tuple=True)
    losses = token_loss(hidden[where, token + virtual - 1], llm.head, padded[where, token])
    return list(losses.split([len(row) - first for row in rows]))


def _behind(llm: FrozenLLM, context: Context | None, rows: int, length: int) -> dict[str, Any]:
    """What tells the LLM that all rows of this length go on from `context`."""
    if context is None:
        return {}
    cache, read = stacked(llm, [context] * rows)
    mask = torch.cat([read, read.new_ones(rows, length)], dim=1)
    positions = context.length + torch.arange(length, device=llm.device)
    return {"mask": mask, "positions": positions.expand(rows, -1), "cache": cache}


@torch.no_grad()
def mean_losses(
    llm: FrozenLLM,
    prompts: Tensor | None,
    rows: Sequence[Sequence[int]],
    context: Context | None = None,
) -> list[float]:
    """Mean of `row_losses` for each row without its first token, so that with and without prompts compare."""
    skip = 0 if prompts is None else 1
    return [float(losses[skip:].mean()) for losses in row_losses(llm, prompts, rows, context)]


def passes(rows: Sequence[T], row_length: int, pass_tokens: int) -> Iterator[Sequence[T]]:
    """Cut rows into runs that hold at most `pass_tokens` tokens each, or a single row."""
    size = max(1, pass_tokens // row_length)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]

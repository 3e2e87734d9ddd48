"""Prefill: the LLM reads each text once, and every row that follows it shares the context."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.context import Context, context_per_row
from trainer.llm.frozen_llm import FrozenLLM


@torch.no_grad()
def prefill(
    llm: FrozenLLM,
    texts: Sequence[Sequence[int]],
    contexts: Sequence[Context | None] | Context | None = None,
    prompts: Sequence[Tensor | None] | None = None,
) -> list[Context]:
    """The contexts of [context][prompt][text] for each text's tokens, computed in one batch.

    `contexts` is one context for all texts, or one for each. `prompts` has a soft prompt [virtual tokens,
    hidden] or None for each text.
    """
    if not texts:
        return []
    heads = [None] * len(texts) if prompts is None else list(prompts)
    embedded = [llm.embed(torch.tensor(text, dtype=torch.long)) for text in texts]
    rows = [
        row if head is None else torch.cat([head.to(row), row])
        for head, row in zip(heads, embedded, strict=True)
    ]
    return llm.prefill(rows, context_per_row(contexts, len(texts)))

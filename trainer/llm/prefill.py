"""Prefill: the LLM reads texts once, and what it keeps of each is shared by all that goes on behind it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.llm.context import Context, each
from trainer.llm.frozen_llm import FrozenLLM


@torch.no_grad()
def prefill(
    llm: FrozenLLM,
    texts: Sequence[Sequence[int]],
    contexts: Sequence[Context | None] | Context | None = None,
    prompts: Sequence[Tensor | None] | None = None,
) -> list[Context]:
    """The context of each text's tokens behind its soft prompt, behind what was read before, in one batch.

    `contexts` is one context for all texts or one for each; prompts [virtual tokens, hidden], likewise.
    """
    if not texts:
        return []
    heads = [None] * len(texts) if prompts is None else list(prompts)
    embedded = [llm.embed(torch.tensor(text, dtype=torch.long)) for text in texts]
    rows = [
        row if head is None else torch.cat([head.to(row), row])
        for head, row in zip(heads, embedded, strict=True)
    ]
    return llm.prefill(rows, each(contexts, len(texts)))

"""What the LLM has read already: kept, so that rows with one beginning share it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

import torch
from torch import Tensor

from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.lora_deltas import Changes, RowChanges


@dataclass(frozen=True, eq=False)
class Context(ABC):
    """Positions that follow `parent`'s; each kind of LLM keeps them as it needs them.

    What comes behind it is read and said by the LLM with `changes`.
    """

    parent: Self | None = field(default=None, kw_only=True)
    changes: Changes | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def own(self) -> int:
        """Positions of this part alone."""

    @property
    @abstractmethod
    def kept_bytes(self) -> int:
        """Memory of what was read, this part alone."""

    @property
    def nbytes(self) -> int:
        """Memory of this part alone, with the changes that begin with it."""
        new = self.changes is not None and (self.parent is None or self.parent.changes is not self.changes)
        return self.kept_bytes + (self.changes.nbytes if new and self.changes else 0)

    @property
    def length(self) -> int:
        """Positions in all, the parents' included."""
        return self.own + (self.parent.length if self.parent else 0)

    def chain(self) -> list[Self]:
        """The parts from the first read to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


C = TypeVar("C", bound=Context)


@torch.no_grad()
def read(
    llm: FrozenLLM,
    texts: Sequence[Sequence[int]],
    after: Sequence[Context | None] | Context | None = None,
    prompts: Sequence[Tensor | None] | None = None,
) -> list[Context]:
    """The context of each text's tokens behind its soft prompt, behind what was read before, in one batch.

    `after` is one context for all texts or one for each; prompts [virtual tokens, hidden], likewise.
    """
    if not texts:
        return []
    contexts = each(after, len(texts))
    heads = [None] * len(texts) if prompts is None else list(prompts)
    embedded = [llm.embed(torch.tensor(text, dtype=torch.long)) for text in texts]
    rows = [
        row if head is None else torch.cat([head.to(row), row])
        for head, row in zip(heads, embedded, strict=True)
    ]
    return llm.read(rows, contexts)


def each(behind: Sequence[Context | None] | Context | None, count: int) -> list[Context | None]:
    """A context for each of so many rows, of one for all or of one for each."""
    return [behind] * count if behind is None or isinstance(behind, Context) else list(behind)


def of_kind(kind: type[C], contexts: Sequence[Context | None]) -> list[C | None]:
    """The contexts, all of one kind. TypeError: another kind of LLM has read one of them."""
    found: list[C | None] = []
    for context in contexts:
        if context is not None and not isinstance(context, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(context).__name__}")
        found.append(context)
    return found


def changes_of(contexts: Sequence[Context | None]) -> RowChanges:
    """The changes for rows behind these contexts."""
    return RowChanges([None if context is None else context.changes for context in contexts])

"""What the LLM has read already, kept so that rows with the same beginning share it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from trainer.llm.lora_deltas import LoraDeltas, RowDeltas


@dataclass(frozen=True, eq=False)
class Context(ABC):
    """Positions that were read after those of `parent`, in the form that the kind of LLM needs.

    What follows a context is computed with its LoRA `deltas`.
    """

    parent: Self | None = field(default=None, kw_only=True)
    deltas: LoraDeltas | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def own_length(self) -> int:
        """Positions of this part, without its parents."""

    @property
    @abstractmethod
    def own_bytes(self) -> int:
        """Memory of what was read, of this part, without its parents."""

    @property
    def nbytes(self) -> int:
        """Memory of this part in bytes, with the LoRA deltas that its parent does not have."""
        new = self.deltas is not None and (self.parent is None or self.parent.deltas is not self.deltas)
        return self.own_bytes + (self.deltas.nbytes if new and self.deltas else 0)

    @property
    def length(self) -> int:
        """Positions of this part and all its parents."""
        return self.own_length + (self.parent.length if self.parent else 0)

    def chain(self) -> list[Self]:
        """The parts in reading order, this one last."""
        return [*(self.parent.chain() if self.parent else []), self]


C = TypeVar("C", bound=Context)


def context_per_row(context: Sequence[Context | None] | Context | None, count: int) -> list[Context | None]:
    """`count` contexts, from one for all rows or one for each."""
    return [context] * count if context is None or isinstance(context, Context) else list(context)


def contexts_of_kind(kind: type[C], contexts: Sequence[Context | None]) -> list[C | None]:
    """The contexts, typed as `kind`. TypeError: another kind of LLM has read one of them."""
    found: list[C | None] = []
    for context in contexts:
        if context is not None and not isinstance(context, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(context).__name__}")
        found.append(context)
    return found


def row_deltas(contexts: Sequence[Context | None]) -> RowDeltas:
    """The LoRA deltas of rows that follow these contexts."""
    return RowDeltas([None if context is None else context.deltas for context in contexts])

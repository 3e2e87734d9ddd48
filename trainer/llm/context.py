"""What the LLM has read already: kept, so that rows with one beginning share it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from trainer.llm.lora_deltas import LoraDeltas, RowDeltas


@dataclass(frozen=True, eq=False)
class Context(ABC):
    """Positions that follow `parent`'s; each kind of LLM keeps them as it needs them.

    What comes behind it is read and said by the LLM with `deltas`.
    """

    parent: Self | None = field(default=None, kw_only=True)
    deltas: LoraDeltas | None = field(default=None, kw_only=True)

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
        """Memory of this part alone, with the LoRA deltas that begin with it."""
        new = self.deltas is not None and (self.parent is None or self.parent.deltas is not self.deltas)
        return self.kept_bytes + (self.deltas.nbytes if new and self.deltas else 0)

    @property
    def length(self) -> int:
        """Positions in all, the parents' included."""
        return self.own + (self.parent.length if self.parent else 0)

    def chain(self) -> list[Self]:
        """The parts from the first read to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


C = TypeVar("C", bound=Context)


def each(context: Sequence[Context | None] | Context | None, count: int) -> list[Context | None]:
    """A context for each of so many rows, of one for all or of one for each."""
    return [context] * count if context is None or isinstance(context, Context) else list(context)


def of_kind(kind: type[C], contexts: Sequence[Context | None]) -> list[C | None]:
    """The contexts, all of one kind. TypeError: another kind of LLM has read one of them."""
    found: list[C | None] = []
    for context in contexts:
        if context is not None and not isinstance(context, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(context).__name__}")
        found.append(context)
    return found


def row_deltas(contexts: Sequence[Context | None]) -> RowDeltas:
    """The LoRA deltas of rows behind these contexts."""
    return RowDeltas([None if context is None else context.deltas for context in contexts])

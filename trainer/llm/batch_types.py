"""What goes through the LLM in batches, and what comes of it: rows to decode, exchanges to score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.mixture import Part


@dataclass(frozen=True)
class Row:
    """One answer to decode: what was read already, a soft prompt [virtual tokens, hidden] or none behind it,
    the text behind that, and how to draw from the model's distribution.

    Temperature 0 takes the likeliest token. A row that `must_speak` does not begin with a token that ends it.
    A row that is `part` of a mixture says what the mixture says, and draws as the first of its rows does.
    `beginning` are tokens that the answer goes on from; a completion does not repeat them.
    """

    prompt: Tensor | None
    tokens: Sequence[int]
    max_new_tokens: int = 48
    temperature: float = 0.0
    top_p: float = 0.9
    seed: int = 0
    context: Context | None = None
    must_speak: bool = False
    part: Part | None = None
    beginning: Sequence[int] = ()

    @property
    def length(self) -> int:
        """Positions before the answer."""
        return self.unread + (0 if self.context is None else self.context.length)

    @property
    def unread(self) -> int:
        """Positions before the answer that are not in the context."""
        virtual_tokens = 0 if self.prompt is None else len(self.prompt)
        return virtual_tokens + len(self.tokens) + len(self.beginning)


@dataclass
class Completion:
    """An answer's tokens, without the one that ends it, and the log-likelihood of each and of the end.

    Likelihoods are the model's own, in nats, at temperature 1 and before top-p, so they compare across rows;
    of a row that must speak, given that it speaks. `silence` is the probability of no answer at all.
    """

    tokens: list[int] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    ended: bool = False  # by a stop token, not by the limit
    silence: float = 0.0

    @property
    def log_likelihood(self) -> float:
        """Mean per token."""
        return sum(self.log_likelihoods) / max(1, len(self.log_likelihoods))


class Decoding(Protocol):
    """A batch of answers, as the LLM goes on with them."""

    def step(self, tokens: Tensor | None) -> Tensor:
        """Hidden states [rows, hidden] that predict what comes behind these tokens [rows]; None: at first."""

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""


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

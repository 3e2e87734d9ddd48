"""What a batch is made of: rows to decode and their completions, exchanges to score and their packs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.mixture import Part


@dataclass(frozen=True)
class Row:
    """One answer to decode: after [context][prompt][tokens], by sampling from the model's distribution.

    `prompt` is a soft prompt [virtual tokens, hidden]. Temperature 0 takes the likeliest token. The first
    token of a row that `must_speak` is never one that ends the answer. Rows that are `part` of the same
    mixture give the same answer, sampled with the settings of the first of them. `beginning` are the first
    tokens of the answer; the completion goes on from them and does not repeat them. A row that is `judged`
    says after its answer how probable it is that it is right, for one token more; only a causal LLM can.
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
    judged: bool = False

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
    """An answer's tokens, without the one that ends it, and the log-likelihood of each and of the end, nats.

    Log-likelihoods are the model's own, at temperature 1 and before top-p, so that rows can be compared. For
    a row that must speak they are conditional on an answer. `silence` is the probability of no answer at all.
    `right` is that of a right answer, if the row is judged: 0 where the answer did not end.
    """

    tokens: list[int] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    ended: bool = False  # by a stop token, not by the limit
    silence: float = 0.0
    right: float | None = None

    @property
    def log_likelihood(self) -> float:
        """Mean per token."""
        return sum(self.log_likelihoods) / max(1, len(self.log_likelihoods))


class Decoding(Protocol):
    """A batch of answers that are decoded token by token."""

    def step(self, tokens: Tensor | None) -> Tensor:
        """Feed the last tokens [rows], None at first; hidden states [rows, hidden] that predict the next."""

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """A distribution at each token of an answer: `tokens` [tokens, choices] int64, with their `shares` of the
    same shape, float32, which sum to 1 at each token.
    """

    tokens: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Exchange:
    """The tokens of a turn and of the answer to it; the loss is on the answer alone, times `weight`.

    What is to be said at each token of the answer is that token, or `targets` where there are some.
    """

    turn: Sequence[int]
    answer: Sequence[int]
    weight: float = 1.0
    targets: SoftTargets | None = None

    @property
    def tokens(self) -> list[int]:
        """The turn and the answer."""
        return [*self.turn, *self.answer]


@dataclass(frozen=True)
class Pack:
    """Exchanges about one text: each is read after [context][text], and sees none of the others."""

    exchanges: Sequence[Exchange]
    text: Sequence[int] = field(default_factory=list)
    context: Context | None = None

    @property
    def length(self) -> int:
        """Tokens of the text and the exchanges."""
        return len(self.text) + sum(len(exchange.tokens) for exchange in self.exchanges)

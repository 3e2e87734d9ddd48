"""The objective `lm`: next-token loss on the book's text, each row after a member."""

from collections.abc import Generator, Mapping, Sequence

import torch
from torch import Tensor

from trainer.checkpoint import Position
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.llm.scoring import mean_losses, row_losses
from trainer.methods.members import Members
from trainer.objectives.study_question import StudyQuestion
from trainer.objectives.text_rows import split_text, training_rows
from trainer.recipe import Recipe


class LanguageModelling:
    """Next-token loss on [context][member][text], where the context is a skill or None.

    A causal LLM predicts all of a row's text, an encoder-decoder LLM the second half from the first.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        text: str,
        recipe: Recipe,
        context: Context | None = None,
        *,
        microbatches: Microbatches | None = None,
    ) -> None:
        """Split the text into rows. ValueError: it has fewer than two tokens."""
        tokens = llm.encode(text)
        if len(tokens) < 2:
            raise ValueError("there must be at least two tokens of text to learn from")
        self._llm = llm
        self._recipe = recipe
        self.context = context
        self.heldout_questions: Sequence[StudyQuestion] = ()
        self._microbatches = microbatches or Microbatches(llm.device)
        parts = split_text(tokens, recipe.row_tokens, recipe.heldout)
        self.text = parts.text
        self._heldout = parts.heldout
        # Bagging: each member reads the rows in an order of its own.
        self._rows = [
            training_rows(self.text, recipe.row_tokens, recipe.seed + member)
            for member in range(recipe.members)
        ]
        self._steps = 0
        self.epoch_tokens = parts.training_tokens
        self.row_tokens = recipe.row_tokens

    def bare_loss(self) -> Generator[Pause, None, float | None]:
        """Mean loss over the held-out blocks, without a member."""
        if not self._heldout:
            return None

        def evaluate(blocks: Sequence[Sequence[int]]) -> list[float]:
            return mean_losses(self._llm, None, blocks, self.context)

        losses: list[float] = []
        for _, found in self._microbatches.each(self._heldout, max(map(len, self._heldout)), evaluate):
            losses += found
            yield Pause()
        return _mean(losses)

    def heldout_losses(self, members: Members) -> Generator[Pause, None, list[float | None]]:
        """Each member's mean loss over the held-out blocks."""
        if not self._heldout:
            return [None] * len(members)
        batch = [(member, block) for member in range(len(members)) for block in self._heldout]
        longest = members.computed_tokens + max(map(len, self._heldout))

        def evaluate(rows: Sequence[tuple[int, Sequence[int]]]) -> list[float]:
            before = members.condition(self._llm, [member for member, _ in rows], [self.context] * len(rows))
            return mean_losses(self._llm, before.prompts, [block for _, block in rows], before.contexts)

        losses: list[float] = []
        for _, found in self._microbatches.each(batch, longest, evaluate):
            losses += found
            yield Pause()
        blocks = len(self._heldout)
        return [_mean(losses[start : start + blocks]) for start in range(0, len(losses), blocks)]

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of each member's mean loss over its own next rows' tokens."""
        batch = [
            (member, next(rows)) for member, rows in enumerate(self._rows) for _ in range(self._recipe.rows)
        ]
        self._steps += 1
        losses = [0.0] * len(members)
        longest = members.computed_tokens + max(len(row) for _, row in batch)

        def learn(rows: Sequence[tuple[int, Sequence[int]]]) -> list[float]:
            before = members.condition(self._llm, [member for member, _ in rows], [self.context] * len(rows))
            found = row_losses(self._llm, before.prompts, [row for _, row in rows], before.contexts)
            # All rows of a member have one length, so the mean of their means is the mean over their tokens.
            shares = torch.stack([loss.sum() / (self._recipe.rows * len(loss)) for loss in found])
            members.backward(shares.sum())
            return shares.tolist()

        for rows, shares in self._microbatches.each(batch, longest, learn):
            for (member, _), share in zip(rows, shares, strict=True):
                losses[member] += share
            yield Pause()
        return losses, sum(members.computed_tokens + len(row) for _, row in batch)

    def position(self) -> Position:
        """How many steps have read their rows: the seed decides which these were."""
        steps = self._steps
        return lambda: {"steps": torch.tensor(steps)}

    def resume(self, position: Mapping[str, Tensor]) -> None:
        """Pass over the rows of the steps before."""
        self._steps = int(position["steps"])
        for rows in self._rows:
            for _ in range(self._steps * self._recipe.rows):
                next(rows)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

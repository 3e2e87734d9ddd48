"""The objective `lm`: next-token loss on the book's text, each row behind its own member's prompt."""

from collections.abc import Generator, Sequence

import torch

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.scoring import mean_losses, row_losses
from trainer.methods.members import Members
from trainer.objectives.text_rows import rows, split
from trainer.progress import Pause
from trainer.recipe import Recipe


class LanguageModelling:
    """Next-token loss (Lester 2021, 2104.08691, trains prompts so, on targets alone).

    A row is [skill][member][text]; `skill` may be None. Of a row, an encoder-decoder LLM predicts the second
    half from the first.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        text: str,
        recipe: Recipe,
        skill: Context | None = None,
        *,
        batches: Microbatches | None = None,
    ) -> None:
        """Split the text. ValueError: it has fewer than two tokens."""
        tokens = llm.encode(text)
        if len(tokens) < 2:
            raise ValueError("there must be at least two tokens of text to learn from")
        self._llm = llm
        self._recipe = recipe
        self.context = skill
        self._batches = batches or Microbatches(llm.device)
        self._reading = split(tokens, recipe.row_tokens, recipe.heldout)
        self._readers = [
            rows(self._reading, recipe.row_tokens, recipe.seed + member) for member in range(recipe.members)
        ]
        self.text = self._reading.text
        self.tokens = self._reading.text_tokens
        self.row_tokens = recipe.row_tokens

    def bare(self) -> float:
        """Mean loss of the held-out blocks without a prompt."""
        held = self._reading.heldout
        return _mean(mean_losses(self._llm, None, held, self.context)) if held else float("nan")

    def losses(self, members: Members) -> Generator[Pause, None, list[float]]:
        """Each member's mean loss over the held-out blocks."""
        held = self._reading.heldout
        if not held:
            return [float("nan")] * len(members)
        batch = [(member, block) for member in range(len(members)) for block in held]
        longest = members.computed_tokens + max(map(len, held))

        def evaluated(part: Sequence[tuple[int, Sequence[int]]]) -> list[float]:
            at = members.condition(self._llm, [member for member, _ in part], self.context)
            return mean_losses(self._llm, at.prompts, [block for _, block in part], at.contexts)

        losses: list[float] = []
        for _, found in self._batches.each(batch, longest, evaluated):
            losses += found
            yield Pause()
        blocks = len(held)
        return [_mean(losses[start : start + blocks]) for start in range(0, len(losses), blocks)]

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of each member's mean loss over its own next rows' tokens."""
        batch = [
            (member, next(reader))
            for member, reader in enumerate(self._readers)
            for _ in range(self._recipe.rows)
        ]
        losses = [0.0] * len(members)
        longest = members.computed_tokens + max(len(row) for _, row in batch)

        def learned(part: Sequence[tuple[int, Sequence[int]]]) -> list[float]:
            at = members.condition(self._llm, [member for member, _ in part], self.context)
            found = row_losses(self._llm, at.prompts, [row for _, row in part], at.contexts)
            # A member's rows are all of one length.
            shares = torch.stack([loss.sum() / (self._recipe.rows * len(loss)) for loss in found])
            members.backward(shares.sum())
            return shares.tolist()

        for part, shares in self._batches.each(batch, longest, learned):
            for (member, _), share in zip(part, shares, strict=True):
                losses[member] += share
            yield Pause()
        return losses, sum(members.computed_tokens + len(row) for _, row in batch)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

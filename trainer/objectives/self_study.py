"""The objective `self_study`: answer what the LLM asked about the book, with the passage and without it."""

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import torch

from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.packing import pack_losses
from trainer.methods.members import Conditioning, Members
from trainer.objectives.question_synthesis import SyntheticQuestion
from trainer.progress import Pause
from trainer.recipe import Recipe

# Exchanges packed behind one member in one row.
_EXCHANGES = 6
_MOST_HELDOUT = 12


@dataclass(frozen=True)
class Material:
    """What there is to study: items about passages, behind the skill prompt; `text` is the book's tokens."""

    text: Sequence[int]
    items: Sequence[SyntheticQuestion]
    skill: Context
    passages: Sequence[str]


class SelfStudy:
    """Cross-entropy on answers (self-study of Cartridges, 2506.06266, with hard labels).

    A row is [skill][member][passage][questions], or without the passage in the recipe's share of steps.
    Behind a passage, questions about other passages are answered by silence, as the skill prompt does.
    """

    def __init__(
        self, llm: FrozenLLM, material: Material, recipe: Recipe, *, batches: Microbatches | None = None
    ) -> None:
        """Hold some items out. ValueError: there are none."""
        if not material.items:
            raise ValueError("self-study found no question to learn from: use the objective lm")
        self._llm = llm
        self._material = material
        self._recipe = recipe
        self._batches = batches or Microbatches(llm.device)
        items = list(material.items)
        random.Random(recipe.seed).shuffle(items)
        held = min(_MOST_HELDOUT, int(len(items) * recipe.heldout))
        self._heldout, self._items = items[:held], items[held:]
        self._closed = random.Random(recipe.seed)
        # Bagging: each member has an order of its own.
        self._choose = [random.Random(recipe.seed + member) for member in range(recipe.members)]
        self._queues: list[list[SyntheticQuestion]] = [[] for _ in range(recipe.members)]
        lengths = [len(self._exchange(item).tokens) for item in self._items]
        self.text = material.text
        self.context = material.skill
        self.tokens = sum(lengths)
        self.row_tokens = max(1, _EXCHANGES * self.tokens // len(self._items))

    def bare(self) -> float:
        """Held-out loss behind the skill prompt alone."""
        packs = self._evaluated()
        return _mean_losses(self._llm, packs) if packs else float("nan")

    def losses(self, members: Members) -> Generator[Pause, None, list[float]]:
        """Each member's held-out loss, without the passages unless no row is closed."""
        packs = self._evaluated()
        found = []
        for member in range(len(members)):
            found.append(_mean_losses(self._llm, packs, members, member) if packs else float("nan"))
            yield Pause()
        return found

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of each member's mean loss over its next rows' answers."""
        # All members with the passage or all without: rows of one batch are of about one length.
        closed = self._closed.random() < self._recipe.closed
        batch = [
            (member, self._row(member, closed))
            for member in range(len(members))
            for _ in range(self._recipe.rows)
        ]
        losses = [0.0] * len(members)
        sizes = [self._llm.positions(pack, members.computed_tokens) for _, pack in batch]

        def learned(part: Sequence[tuple[int, Pack]]) -> list[float]:
            at = members.condition(self._llm, [member for member, _ in part], self.context)
            packs = [replace(pack, context=one) for (_, pack), one in zip(part, at.contexts, strict=True)]
            found = pack_losses(self._llm, packs, at.prompts)
            shares = torch.stack([torch.cat(rows).mean() / self._recipe.rows for rows in found])
            members.backward(shares.sum())
            return shares.tolist()

        for part, shares in self._batches.each(batch, max(sizes), learned):
            for (member, _), share in zip(part, shares, strict=True):
                losses[member] += share
            yield Pause()
        return losses, sum(sizes)

    def _row(self, member: int, closed: bool) -> Pack:
        choose = self._choose[member]
        if closed:
            taken = self._take(member, lambda _: True)
            return self._pack([self._exchange(item) for item in taken])
        [first] = self._take(member, lambda _: True, 1)
        own = [first, *self._take(member, lambda item: item.passage == first.passage, 3)]
        others = [item for item in self._items if item.passage != first.passage]
        silent = choose.sample(others, min(len(others), _EXCHANGES - len(own)))
        exchanges = [self._exchange(item) for item in own] + [self._silence(item) for item in silent]
        return self._pack(exchanges, first.passage)

    def _take(
        self, member: int, fits: Callable[[SyntheticQuestion], bool], most: int = _EXCHANGES
    ) -> list[SyntheticQuestion]:
        """The next items of a member's queue that fit; the queue is shuffled anew whenever it is empty."""
        if not self._queues[member]:
            queue = list(self._items)
            self._choose[member].shuffle(queue)
            self._queues[member] = queue
        queue = self._queues[member]
        taken = [item for item in queue if fits(item)][:most]
        self._queues[member] = [item for item in queue if item not in taken]
        return taken

    def _evaluated(self) -> list[Pack]:
        """Held-out items without their passages, where rows are closed; else each with its own."""
        exchanges = [self._exchange(item) for item in self._heldout]
        if exchanges and self._recipe.closed > 0:
            return [self._pack(exchanges)]
        return [
            self._pack([exchange], item.passage)
            for item, exchange in zip(self._heldout, exchanges, strict=True)
        ]

    def _pack(self, exchanges: Sequence[Exchange], passage: int | None = None) -> Pack:
        texts = [] if passage is None else [self._material.passages[passage]]
        return Pack(exchanges, templates.passages(self._llm, texts), self.context)

    def _exchange(self, item: SyntheticQuestion) -> Exchange:
        return Exchange(
            templates.question(self._llm, item.question), templates.answer(self._llm, item.answer)
        )

    def _silence(self, item: SyntheticQuestion) -> Exchange:
        return Exchange(templates.question(self._llm, item.question), [templates.end(self._llm)])


@torch.no_grad()
def _mean_losses(
    llm: FrozenLLM, packs: Sequence[Pack], members: Members | None = None, member: int = 0
) -> float:
    """Mean over the answers' tokens behind a member, or without one."""
    total, tokens = 0.0, 0
    for pack in packs:
        at = (
            Conditioning([pack.context])
            if members is None
            else members.condition(llm, [member], pack.context)
        )
        for loss in pack_losses(llm, [replace(pack, context=at.contexts[0])], at.prompts)[0]:
            total += float(loss.sum())
            tokens += len(loss)
    return total / tokens

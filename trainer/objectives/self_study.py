"""The objective `self_study`: loss of the answers to synthetic questions, with the passage and without."""

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
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Pause
from trainer.recipe import Recipe

# Exchanges in one row.
_EXCHANGES = 6
_MOST_HELDOUT = 12


@dataclass(frozen=True)
class StudyMaterial:
    """What there is to study: questions about passages, and the context of the skill that precedes them.

    `text` are the book's tokens.
    """

    text: Sequence[int]
    items: Sequence[StudyQuestion]
    skill: Context
    passages: Sequence[str]


class SelfStudy:
    """Cross-entropy on answers: self-study as in Cartridges (2506.06266), but with hard labels.

    A row is [skill][member][passage][questions with answers]. In the recipe's share of `closed` steps the
    passage is left out. After a passage, the answer to questions about other passages is silence, as for the
    skill. What a person wrote is never held out. It comes first in each epoch, and `person_weight` times in
    all.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        material: StudyMaterial,
        recipe: Recipe,
        *,
        microbatches: Microbatches | None = None,
    ) -> None:
        """Hold some items out. ValueError: there are none."""
        if not material.items:
            raise ValueError("self-study found no question to learn from: use the objective lm")
        self._llm = llm
        self._material = material
        self._recipe = recipe
        self._microbatches = microbatches or Microbatches(llm.device)
        by_llm = [item for item in material.items if item.source == "llm"]
        self._by_people = [item for item in material.items if item.source == "person"]
        random.Random(recipe.seed).shuffle(by_llm)
        held = min(_MOST_HELDOUT, int(len(by_llm) * recipe.heldout))
        self.heldout_questions = by_llm[:held]
        self._items = [*by_llm[held:], *self._by_people]
        # What else an epoch has than people's questions once.
        self._rest = [*by_llm[held:], *self._by_people * (recipe.person_weight - 1)]
        self._closed = random.Random(recipe.seed)
        # Bagging: each member studies the items in an order of its own.
        self._choose = [random.Random(recipe.seed + member) for member in range(recipe.members)]
        self._queues: list[list[StudyQuestion]] = [[] for _ in range(recipe.members)]
        lengths = [len(self._exchange(item).tokens) for item in (*self._by_people, *self._rest)]
        self.text = material.text
        self.context = material.skill
        self.epoch_tokens = sum(lengths)
        self.row_tokens = max(1, _EXCHANGES * self.epoch_tokens // len(lengths))

    def bare_loss(self) -> Generator[Pause, None, float | None]:
        """Held-out loss after the skill alone."""
        packs = self._heldout_packs()
        return (yield from _mean_loss(self._llm, packs)) if packs else None

    def heldout_losses(self, members: Members) -> Generator[Pause, None, list[float | None]]:
        """Each member's held-out loss; the passages are left out, unless no step of the recipe is closed."""
        packs = self._heldout_packs()
        if not packs:
            return [None] * len(members)
        losses: list[float | None] = []
        for member in range(len(members)):
            losses.append((yield from _mean_loss(self._llm, packs, members, member)))
        return losses

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of each member's mean loss over its next rows' answers."""
        # All members read the passage or none does, so that the rows of a batch have about the same length.
        closed = self._closed.random() < self._recipe.closed
        batch = [
            (member, self._row(member, closed))
            for member in range(len(members))
            for _ in range(self._recipe.rows)
        ]
        losses = [0.0] * len(members)
        sizes = [self._llm.positions(pack, members.computed_tokens) for _, pack in batch]

        def learn(rows: Sequence[tuple[int, Pack]]) -> list[float]:
            before = members.condition(self._llm, [member for member, _ in rows], self.context)
            packs = [replace(pack, context=one) for (_, pack), one in zip(rows, before.contexts, strict=True)]
            found = pack_losses(self._llm, packs, before.prompts)
            shares = torch.stack([torch.cat(answers).mean() / self._recipe.rows for answers in found])
            members.backward(shares.sum())
            return shares.tolist()

        for rows, shares in self._microbatches.each(batch, max(sizes), learn):
            for (member, _), share in zip(rows, shares, strict=True):
                losses[member] += share
            yield Pause()
        return losses, sum(sizes)

    def _row(self, member: int, closed: bool) -> Pack:
        """The next row of a member: items without a passage if `closed`, else some about one passage."""
        choose = self._choose[member]
        if closed:
            items = self._next_items(member, lambda _: True)
            return self._pack([self._exchange(item) for item in items])
        [first] = self._next_items(member, lambda _: True, 1)
        answerable = [
            first,
            *self._next_items(member, lambda item: item.passage == first.passage and item != first, 3),
        ]
        others = [item for item in self._items if item.passage != first.passage]
        unanswerable = choose.sample(others, min(len(others), _EXCHANGES - len(answerable)))
        exchanges = [self._exchange(item) for item in answerable]
        exchanges += [self._silence(item) for item in unanswerable]
        return self._pack(exchanges, first.passage)

    def _next_items(
        self, member: int, fits: Callable[[StudyQuestion], bool], most: int = _EXCHANGES
    ) -> list[StudyQuestion]:
        """The next items of a member's queue that fit, each once; an empty queue is filled for an epoch."""
        if not self._queues[member]:
            self._queues[member] = self._epoch(self._choose[member])
        items: list[StudyQuestion] = []
        later: list[StudyQuestion] = []
        for item in self._queues[member]:
            taken = len(items) < most and fits(item) and item not in items
            (items if taken else later).append(item)
        self._queues[member] = later
        return items

    def _epoch(self, choose: random.Random) -> list[StudyQuestion]:
        """All items, shuffled, people's first: a budget that ends early leaves none of these out."""
        first, rest = list(self._by_people), list(self._rest)
        choose.shuffle(first)
        choose.shuffle(rest)
        return [*first, *rest]

    def _heldout_packs(self) -> list[Pack]:
        """The held-out items: one pack without passages if some steps are closed, else a pack for each."""
        exchanges = [self._exchange(item) for item in self.heldout_questions]
        if exchanges and self._recipe.closed > 0:
            return [self._pack(exchanges)]
        return [
            self._pack([exchange], item.passage)
            for item, exchange in zip(self.heldout_questions, exchanges, strict=True)
        ]

    def _pack(self, exchanges: Sequence[Exchange], passage: int | None = None) -> Pack:
        texts = [] if passage is None else [self._material.passages[passage]]
        return Pack(exchanges, templates.passages(self._llm, texts), self.context)

    def _exchange(self, item: StudyQuestion) -> Exchange:
        return Exchange(
            templates.question(self._llm, item.question), templates.answer(self._llm, item.answer)
        )

    def _silence(self, item: StudyQuestion) -> Exchange:
        return Exchange(templates.question(self._llm, item.question), [templates.end(self._llm)])


def _mean_loss(
    llm: FrozenLLM, packs: Sequence[Pack], members: Members | None = None, member: int = 0
) -> Generator[Pause, None, float]:
    """Mean loss over the tokens of all answers, nats, after a member or without one; a pass for each pack."""
    total, tokens = 0.0, 0
    for pack in packs:
        with torch.no_grad():
            before = (
                Conditioning([pack.context])
                if members is None
                else members.condition(llm, [member], pack.context)
            )
            losses = pack_losses(llm, [replace(pack, context=before.contexts[0])], before.prompts)[0]
        for loss in losses:
            total += float(loss.sum())
            tokens += len(loss)
        yield Pause()
    return total / tokens

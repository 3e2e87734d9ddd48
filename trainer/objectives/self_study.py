"""The objective `self_study`: loss of the answers to synthetic questions, with the passage and without."""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from trainer.checkpoint import Position, named, part, set_random_state, state_tensor
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.packing import pack_losses
from trainer.llm.pause import Pause
from trainer.methods.members import Conditioning, Members
from trainer.objectives.passage_contexts import PassageContexts
from trainer.objectives.study_question import StudyQuestion
from trainer.objectives.study_queue import StudyQueue
from trainer.objectives.teacher import Teacher, exchange
from trainer.recipe import Recipe

# Exchanges in one row.
_EXCHANGES = 6
# A share is held out, at most the first of these; of 150 or more questions 30, which say more of members.
_MOST_HELDOUT, _OF_MANY, _MANY = 12, 30, 150
# Of few questions, more than the share: fewer than 5 say nothing of members. No more than a third.
_LEAST_HELDOUT, _MOST_OF_FEW = 5, 3
# A distractor is this near to the passage that answers, in passages: it is about the same people and events.
_NEAR = 3
# What the rows of a step read: the passage that answers, none, or another one.
_Reads = Literal["passage", "nothing", "distractor"]


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
    """Cross-entropy on answers: self-study as in Cartridges (2506.06266), with hard labels, and with a
    teacher's in the recipe's share of `distillation`.

    A row is [skill][member][passage][questions with answers], or [skill][passage][member][questions with
    answers] for members behind. In the recipe's share of `closed` steps the passage is left out; in its share
    of `distractors` another passage stands there, and the questions are to be answered all the same. After
    the passage that answers, the answer to questions about others is silence, as for the skill. What a person
    wrote is never held out. It comes first in each epoch, and `person_weight` times in all.
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
        by_people = [item for item in material.items if item.source == "person"]
        random.Random(recipe.seed).shuffle(by_llm)
        held = _held_out(len(by_llm), recipe.heldout)
        self.heldout_questions = by_llm[:held]
        self._items = [*by_llm[held:], *by_people]
        # What else an epoch has than people's questions once.
        rest = [*by_llm[held:], *by_people * (recipe.person_weight - 1)]
        self._kind = random.Random(recipe.seed)
        # Bagging: each member studies the items in an order of its own.
        self._queues = [StudyQueue(by_people, rest, recipe.seed + number) for number in range(recipe.members)]
        self._read = PassageContexts(llm, material.passages, material.skill)
        self._teacher = Teacher(llm, self._read, recipe.distillation)
        lengths = [len(exchange(llm, item).tokens) for item in (*by_people, *rest)]
        self.text = material.text
        self.context = material.skill
        self.epoch_tokens = sum(lengths)
        self.row_tokens = max(1, _EXCHANGES * self.epoch_tokens // len(lengths))

    def bare_loss(self) -> Generator[Pause, None, float | None]:
        """Held-out loss after the skill alone."""
        packs = self._heldout_packs()
        return (yield from self._mean_loss(packs)) if packs else None

    def heldout_losses(self, members: Members) -> Generator[Pause, None, list[float | None]]:
        """Each member's held-out loss; the passages are left out, unless no step of the recipe is closed."""
        packs = self._heldout_packs()
        if not packs:
            return [None] * len(members)
        losses: list[float | None] = []
        for member in range(len(members)):
            losses.append((yield from self._mean_loss(packs, members, member)))
        return losses

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of each member's mean loss over its next rows' answers."""
        # All members read the same kind, so that the rows of a batch have about the same length.
        drawn = self._kind.random()
        reads: _Reads = "passage"
        if drawn < self._recipe.closed + self._recipe.distractors:
            reads = "nothing" if drawn < self._recipe.closed else "distractor"
        chosen = [
            (member, self._choose(member, reads))
            for member in range(len(members))
            for _ in range(self._recipe.rows)
        ]
        yield from self._teacher.asked([item for _, row in chosen for item in row.answerable])
        if members.placement == "behind":
            yield from self._read.read(row.passage for _, row in chosen if row.passage is not None)
        batch = [(member, self._placed(row, members)) for member, row in chosen]
        losses = [0.0] * len(members)
        sizes = [self._llm.positions(pack, members.computed_tokens) for _, pack in batch]

        def learn(rows: Sequence[tuple[int, Pack]]) -> list[float]:
            after = [pack.context for _, pack in rows]
            before = members.condition(self._llm, [member for member, _ in rows], after)
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

    def position(self) -> Position:
        """The state of what a step reads, of each member's queue, and what the teacher has said."""
        kind = self._kind.getstate()
        queues = [queue.position() for queue in self._queues]

        def tensors() -> dict[str, Tensor]:
            # The teacher may have said more since: what it says does not depend on when it is asked.
            found = {"kind": state_tensor(kind)} | named("said", self._teacher.said(self._material.items))
            for number, queue in enumerate(queues):
                found |= named(f"queue.{number}", queue())
            return found

        return tensors

    def resume(self, position: Mapping[str, Tensor]) -> None:
        """Read on with every queue and the teacher's words as they were."""
        set_random_state(self._kind, position["kind"])
        self._teacher.remember(self._material.items, part(position, "said"))
        for number, queue in enumerate(self._queues):
            queue.resume(part(position, f"queue.{number}"))

    def _choose(self, member: int, reads: _Reads) -> "_Row":
        """The next row of a member: any items where no passage is read, else some about one passage."""
        queue = self._queues[member]
        if reads == "nothing":
            return _Row(queue.next(_EXCHANGES))
        [first] = queue.next(1)
        answerable = [first, *queue.next(3, lambda item: item.passage == first.passage and item != first)]
        if reads == "distractor":
            return _Row(answerable, passage=self._near(first.passage, queue.choose))
        others = [item for item in self._items if item.passage != first.passage]
        silent = queue.choose.sample(others, min(len(others), _EXCHANGES - len(answerable)))
        return _Row(answerable, silent, first.passage)

    def _near(self, passage: int, choose: random.Random) -> int | None:
        """Another passage near this one; None where there is no other."""
        near = range(max(0, passage - _NEAR), min(len(self._material.passages), passage + _NEAR + 1))
        return choose.choice([number for number in near if number != passage] or [None])

    def _placed(self, row: "_Row", members: Members) -> Pack:
        """A row with its passage where it stands: in the context of a member behind it, else in the text."""
        exchanges = [self._teacher.exchange(item) for item in row.answerable]
        exchanges += [
            Exchange(templates.question(self._llm, item.question), [templates.end(self._llm)])
            for item in row.silent
        ]
        return self._pack(exchanges, row.passage, members)

    def _heldout_packs(self) -> list[tuple[list[Exchange], int | None]]:
        """The held-out items: together without passages if some steps are closed, else each with its own."""
        exchanges = [exchange(self._llm, item) for item in self.heldout_questions]
        if exchanges and self._recipe.closed > 0:
            return [(exchanges, None)]
        return [([one], item.passage) for item, one in zip(self.heldout_questions, exchanges, strict=True)]

    def _pack(self, exchanges: Sequence[Exchange], passage: int | None, members: Members | None) -> Pack:
        if passage is not None and members is not None and members.placement == "behind":
            return Pack(exchanges, context=self._read.of(passage))
        texts = [] if passage is None else [self._material.passages[passage]]
        return Pack(exchanges, templates.passages(self._llm, texts), self.context)

    def _mean_loss(
        self,
        heldout: Sequence[tuple[Sequence[Exchange], int | None]],
        members: Members | None = None,
        member: int = 0,
    ) -> Generator[Pause, None, float]:
        """Mean loss over the tokens of all answers, nats, after a member or without one; a pass for each."""
        total, tokens = 0.0, 0
        for exchanges, passage in heldout:
            pack = self._pack(exchanges, passage, members)
            with torch.no_grad():
                before = (
                    Conditioning([pack.context])
                    if members is None
                    else members.condition(self._llm, [member], [pack.context])
                )
                read = replace(pack, context=before.contexts[0])
                [losses] = pack_losses(self._llm, [read], before.prompts)
            for loss in losses:
                total += float(loss.sum())
                tokens += len(loss)
            yield Pause()
        return total / tokens


def _held_out(questions: int, share: float) -> int:
    """How many of the LLM's questions are not learned from."""
    if not share:
        return 0
    if questions >= _MANY:
        return _OF_MANY
    least = min(_LEAST_HELDOUT, questions // _MOST_OF_FEW)
    return min(_MOST_HELDOUT, max(least, int(questions * share)))


@dataclass(frozen=True)
class _Row:
    """Questions to answer and questions to be silent about, after the passage of this number, or none."""

    answerable: Sequence[StudyQuestion]
    silent: Sequence[StudyQuestion] = ()
    passage: int | None = None

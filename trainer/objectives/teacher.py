"""The teacher of self-study: what the LLM with its skill says when it has the right passage before it.

Context distillation (2112.00861; for members of a book, Cartridges, 2506.06266): members learn to say the
same without that passage. Of each distribution the likeliest tokens are kept.
"""

from collections.abc import Generator, Mapping, Sequence

import torch
from torch import Tensor

from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack, SoftTargets
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import hard_targets, spoken
from trainer.llm.pause import Pause
from trainer.objectives.passage_contexts import PassageContexts
from trainer.objectives.study_question import StudyQuestion

# Tokens that are kept of a distribution (2506.06266, section 4).
_CHOICES = 20


class Teacher:
    """Says what is to be learned at each token of an answer: a `share` is what the teacher says, the rest is
    the answer itself. With a share of 0 no teacher is asked.
    """

    def __init__(self, llm: FrozenLLM, contexts: PassageContexts, share: float) -> None:
        self._llm = llm
        self._contexts = contexts
        self._share = share
        self._said: dict[StudyQuestion, SoftTargets] = {}

    def asked(self, items: Sequence[StudyQuestion]) -> Generator[Pause, None, None]:
        """Ask the teacher those of these questions that it was not asked before, a pass for each passage."""
        if not self._share:
            return
        new = [item for item in dict.fromkeys(items) if item not in self._said]
        for passage in dict.fromkeys(item.passage for item in new):
            about = [item for item in new if item.passage == passage]
            pack = Pack([exchange(self._llm, item) for item in about], context=self._contexts.of(passage))
            [targets] = spoken(self._llm, [pack], _CHOICES)
            self._said.update(zip(about, targets, strict=True))
            yield Pause()

    def said(self, items: Sequence[StudyQuestion]) -> dict[str, Tensor]:
        """What was said until now about these questions, by their numbers.

        Asked again, together with other questions, the teacher would say it rounded otherwise.
        """
        return {
            f"{number}.{name}": tensor
            for number, item in enumerate(items)
            if item in self._said
            for name, tensor in (("tokens", self._said[item].tokens), ("shares", self._said[item].shares))
        }

    def remember(self, items: Sequence[StudyQuestion], said: Mapping[str, Tensor]) -> None:
        """Take up what was said about these questions."""
        for number, item in enumerate(items):
            if f"{number}.tokens" in said:
                self._said[item] = SoftTargets(said[f"{number}.tokens"], said[f"{number}.shares"])

    def exchange(self, item: StudyQuestion) -> Exchange:
        """The turn of a question that was asked, and what is to be said."""
        plain = exchange(self._llm, item)
        if not self._share:
            return plain
        hard, soft = hard_targets(plain.answer), self._said[item]
        targets = SoftTargets(
            torch.cat([hard.tokens, soft.tokens], dim=1),
            torch.cat([(1 - self._share) * hard.shares, self._share * soft.shares], dim=1),
        )
        return Exchange(plain.turn, plain.answer, targets=targets)


def exchange(llm: FrozenLLM, item: StudyQuestion) -> Exchange:
    """The turn of a question, and its answer."""
    return Exchange(templates.question(llm, item.question), templates.answer(llm, item.answer))

"""The order in which one member studies questions, epoch after epoch."""

import random
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from trainer.checkpoint import Position, set_random_state, state_tensor
from trainer.objectives.study_question import StudyQuestion


class StudyQueue:
    """Questions without end: in each epoch those `by_people`, then the `rest`, both shuffled.

    People's come first, so that a budget that ends early leaves none of these out.
    """

    def __init__(self, by_people: Sequence[StudyQuestion], rest: Sequence[StudyQuestion], seed: int) -> None:
        self._by_people = by_people
        self._rest = rest
        self.choose = random.Random(seed)
        self._queue: list[StudyQuestion] = []

    def next(self, most: int, fits: Callable[[StudyQuestion], bool] = lambda _: True) -> list[StudyQuestion]:
        """The next questions that fit, at most so many, each once; an empty queue is filled for an epoch."""
        if not self._queue:
            self._queue = self._epoch()
        taken: list[StudyQuestion] = []
        later: list[StudyQuestion] = []
        for item in self._queue:
            wanted = len(taken) < most and fits(item) and item not in taken
            (taken if wanted else later).append(item)
        self._queue = later
        return taken

    def position(self) -> Position:
        """The questions that are left of this epoch, by their numbers, and the state of the shuffling."""
        left, state = self._queue, self.choose.getstate()  # a queue is replaced, and never changed

        def tensors() -> dict[str, Tensor]:
            numbers = {item: number for number, item in enumerate(self._all)}
            return {
                "left": torch.tensor([numbers[item] for item in left], dtype=torch.int64),
                "random": state_tensor(state),
            }

        return tensors

    def resume(self, position: Mapping[str, Tensor]) -> None:
        """Go on with the questions that are left, in a queue of the same questions."""
        self._queue = [self._all[number] for number in position["left"].tolist()]
        set_random_state(self.choose, position["random"])

    @property
    def _all(self) -> list[StudyQuestion]:
        return [*self._by_people, *self._rest]

    def _epoch(self) -> list[StudyQuestion]:
        first, rest = list(self._by_people), list(self._rest)
        self.choose.shuffle(first)
        self.choose.shuffle(rest)
        return [*first, *rest]

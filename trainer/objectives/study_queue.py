"""The order in which one member studies questions, epoch after epoch."""

import random
from collections.abc import Callable, Sequence

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

    def _epoch(self) -> list[StudyQuestion]:
        first, rest = list(self._by_people), list(self._rest)
        self.choose.shuffle(first)
        self.choose.shuffle(rest)
        return [*first, *rest]

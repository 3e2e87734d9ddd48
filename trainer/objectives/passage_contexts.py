"""Passages that were read behind the skill, kept while a book is learned."""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Sequence

from trainer.llm import templates
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.pause import Pause
from trainer.llm.prefill import prefill


class PassageContexts:
    """The contexts of passages, by their numbers: what stands before a member that is behind them.

    No gradient passes what was read. The least recently used are forgotten first, once all together take over
    `most_bytes`.
    """

    def __init__(
        self, llm: FrozenLLM, passages: Sequence[str], skill: Context, *, most_bytes: int = 1 << 30
    ) -> None:
        self._llm = llm
        self._passages = passages
        self._skill = skill
        self._most_bytes = most_bytes
        self._kept: OrderedDict[int, Context] = OrderedDict()
        self._bytes = 0

    def read(self, numbers: Iterable[int]) -> Generator[Pause, None, None]:
        """Read those of these passages that are not kept, with a pause after each."""
        for number in numbers:
            if number not in self._kept:
                self.of(number)
                yield Pause()

    def of(self, number: int) -> Context:
        """What the LLM keeps of [skill][passage]."""
        if number not in self._kept:
            [read] = prefill(
                self._llm, [templates.passages(self._llm, [self._passages[number]])], self._skill
            )
            self._kept[number] = read
            self._bytes += read.nbytes
        self._kept.move_to_end(number)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return self._kept[number]

"""Where the LLM's work is run: the interface, and the runner that uses the caller's own thread."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

from trainer.llm.batch_types import Completion, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM

T = TypeVar("T")


class Runner(Protocol):
    """Decides on which thread and in which order an LLM works: a `Scheduler` where several ask, else
    a `DirectRunner`.
    """

    @property
    def llm(self) -> FrozenLLM:
        """The LLM that it runs."""

    @property
    def alive(self) -> bool:
        """Whether work is still taken."""

    def question(self) -> AbstractContextManager[None]:
        """A question that is asked in several pieces, which are to follow one another."""

    def run_now(self, work: Callable[[], T]) -> T:
        """Run a piece of answering, and return its result."""

    def follow(
        self, rows: Sequence[Row], wanted: Callable[[int], bool] = ...
    ) -> Iterator[tuple[int, Completion]]:
        """Decode rows; yields the number of each with its completion, in the order in which they end."""


class DirectRunner:
    """Runs all at once on the caller's thread, where nobody waits or it is that thread's turn already."""

    def __init__(self, llm: FrozenLLM) -> None:
        self.llm = llm
        self.alive = True

    def question(self) -> AbstractContextManager[None]:
        """Nothing can come in between."""
        return nullcontext()

    def run_now(self, work: Callable[[], T]) -> T:
        """Run the work and return its result."""
        return work()

    def follow(
        self, rows: Sequence[Row], wanted: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, Completion]]:
        """Decode rows as one batch; then yields each with its number, in the order in which they ended."""
        ended: list[tuple[int, Completion]] = []
        decode(self.llm, rows, lambda number, completion: ended.append((number, completion)), wanted)
        yield from ended

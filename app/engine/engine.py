"""What an engine is, wherever its LLM works: plain requests in, plain replies out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from app.engine.records import DecodeRequest, Judgement, MemberId, Prompt, Reading, Reply, Roster
from trainer.llm.frozen_llm import Identity


class Engine(Protocol):
    """Answers requests on one LLM with its skill and its members.

    Nothing that it takes or gives holds a tensor or a database row, so the LLM may work in this process
    (`LocalEngine`) or in another one.
    """

    @property
    def identity(self) -> Identity:
        """Which LLM answers."""

    @property
    def alive(self) -> bool:
        """Whether questions are answered."""

    @property
    def on_cpu(self) -> bool:
        """Whether the LLM is on a CPU, where a large batch takes longer than a small one."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""

    def token_counter(self) -> Callable[[str], int]:
        """What counts the same much faster over the slices of one book, on one thread."""

    def roster(self, book: str, version: int) -> Roster:
        """Who can answer for a version of a book.

        Raises DamagedArtifactError when no member is whole, VersionPrunedError and NotFoundError.
        """

    def starting_members(self, book: str) -> list[MemberId]:
        """The members of a book that nobody has learned, as the skill lets them start; none where it has
        none.
        """

    def question(self) -> AbstractContextManager[None]:
        """A question that is asked in several calls: between them nothing is trained."""

    def have_read(self, readings: Sequence[Reading]) -> list[bool]:
        """Which members have read their passages already, so that their answers cost no reading."""

    def answer(
        self, requests: Sequence[DecodeRequest], wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[int, Reply]]:
        """Decode all requests in one batch; yields each one's number and reply as soon as it ends.

        What is not `wanted` any more is left out. Raises UnwantedError when nothing was wanted before
        decoding began, EngineClosedError, OutOfMemoryError, and what `roster` raises.
        """

    def judge(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """How likely given answers are to each prompt; the end of an answer does not count.

        Raises EngineClosedError, and what `roster` raises.
        """

"""A panel: voices that answer a question together, and what comes of what they say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.engine.member_cache import Voice
from app.schemas import AskRequest, Candidate, Citation, Vote
from store.search.index import Hit, PassageIndex


@dataclass(frozen=True)
class Verdict:
    """The votes, that which holds the answer first, and the answer with its confidence.

    A `calibrated` confidence is a probability; `told` is the one that the book tells the answer at all.
    """

    votes: list[Vote]
    answer: str
    confidence: float
    calibrated: bool = False
    told: float | None = None


class Panel(Protocol):
    """How voices answer: each with a passage of its own behind a skill prompt, or all with the same few."""

    def unlearned(self, book: str) -> list[Voice]:
        """Who answers about a book that nobody has learned."""

    def find(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The passages to read: `k`, or as many as the panel reads."""

    def reads(self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation]) -> list[Citation]:
        """Those of the passages that will be read, in the order in which they are shown."""

    def candidates(
        self,
        request: AskRequest,
        voices: Sequence[Voice],
        quotes: Sequence[Citation],
        *,
        seed: int = 0,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """What the voices say, having read the quotes: all candidates whenever there is one more.

        Voices fall silent once nothing is `wanted` any more.
        """

    def decide(
        self, request: AskRequest, candidates: Sequence[Candidate], quotes: Sequence[Citation]
    ) -> Verdict:
        """What comes of the candidates."""

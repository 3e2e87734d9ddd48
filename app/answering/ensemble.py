"""An ensemble: how members share the reading for a question, and what comes of what they say."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from app.answering.types import Candidate, Passage, Question, Verdict
from app.engine.records import MemberId
from store.search.index import Hit, PassageIndex


class Ensemble(Protocol):
    """Members read passages of their own behind a skill (`PerPassage`), or all the same few
    (`SharedContext`).
    """

    def unlearned(self, book: str) -> list[MemberId]:
        """Who answers about a book that nobody has learned."""

    def search(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The passages to read: `k`, or as many as the ensemble reads."""

    def reading_order(
        self, question: str, members: Sequence[MemberId], passages: Sequence[Passage]
    ) -> list[Passage]:
        """Those of the passages that will be read, in the order in which they are shown."""

    def candidates(
        self,
        question: Question,
        members: Sequence[MemberId],
        passages: Sequence[Passage],
        wanted: Callable[[], bool] = ...,
    ) -> Iterator[list[Candidate]]:
        """What the members say, having read the passages: all candidates so far whenever there is one more.

        Members fall silent once nothing is `wanted` any more.
        """

    def decide(
        self, question: Question, candidates: Sequence[Candidate], passages: Sequence[Passage]
    ) -> Verdict:
        """What comes of the candidates."""

"""Who reads what: each passage has a member that always reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.types import Passage, PassageAnswer
from app.engine.records import MemberId, Reading, Reply

# How many passages of a book are read where a question does not say, and by how many readers where the book
# has no members of its own.
READERS = 8


@dataclass(frozen=True)
class Seat:
    """A member, the number of its answer, and the passage that it reads; None where there is none to read."""

    member: MemberId
    sample: int
    passage: Passage | None

    @property
    def score(self) -> float:
        """How well its passage fits the question, 0 without a passage."""
        return 0.0 if self.passage is None else self.passage.score

    def reading(self, question: str) -> Reading:
        """What its member is to read and be asked."""
        return Reading(self.member, () if self.passage is None else (self.passage.text,), question)

    def heard(self, reply: Reply) -> PassageAnswer:
        """The reply to its reading, with how well its passage fits the question."""
        score = max(0.0, self.score)
        return PassageAnswer(reply.text, reply.answerable or 0.0, reply.log_likelihood, score, reply.right)


def seats(members: Sequence[MemberId], passages: Sequence[Passage], samples: int) -> list[Seat]:
    """Who reads what, the best passages first. The passages of each book come the best first.

    Each passage is read by a member of its book; sample j of that reading reads the passage j places on.
    """
    found: list[Seat] = []
    for book in dict.fromkeys(member.book for member in members):
        own = [passage for passage in passages if passage.book == book]
        readers = [member for member in members if member.book == book]
        for reader, place in assigned(len(readers), [passage.ordinal for passage in own]):
            for sample in range(samples):
                passage = own[(place + sample) % len(own)] if own else None
                found.append(Seat(readers[reader], sample, passage))
    return sorted(found, key=lambda seat: -seat.score)


def assigned(members: int, ranked: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of a member's number and a place in `ranked`, the ordinals of passages with the best first.

    A passage has the same reader for every question, so that what it has read is there already. Where
    passages are fewer than members, members without one read the best again; where there is none, each member
    has a place that is not there.
    """
    pairs = [(ordinal % members, place) for place, ordinal in enumerate(ranked)]
    without = sorted(set(range(members)) - {member for member, _ in pairs})
    again = [(member, number % max(1, len(ranked))) for number, member in enumerate(without)]
    return pairs + again[: max(0, members - len(ranked))]

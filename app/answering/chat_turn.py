"""What a member reads where no skill stands before it: the passages in book order and the question."""

from collections.abc import Callable, Sequence

from app.answering.types import Passage
from app.engine.records import ChatTurn, MemberId

INSTRUCTION = "Answer the question about the book in a few words, using the passages."


def chat_turn(member: MemberId, question: str, passages: Sequence[Passage]) -> ChatTurn:
    """The turn in which a member is asked a question about passages, each book's under its title."""
    parts = []
    book = None
    for passage in passages:
        if passage.book != book:
            book = passage.book
            parts.append(f"Passages from {passage.title}:")
        parts.append(passage.text)
    return ChatTurn(member, INSTRUCTION, "\n\n".join([*parts, f"Question: {question.strip()}"]))


def fitting(passages: Sequence[Passage], fits: Callable[[Sequence[Passage]], bool]) -> list[Passage]:
    """Those of the passages that `fits` lets through together, in book order.

    Passages that fit the question least are left out first; `fits` need not let anything through.
    """
    kept = sorted(passages, key=lambda passage: -passage.score)
    while True:
        ordered = sorted(kept, key=lambda passage: (passage.book, passage.start))
        if not kept or fits(ordered):
            return ordered
        kept.pop()

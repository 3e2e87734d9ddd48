"""What a member reads where no skill stands before it: the passages in book order and the question."""

from collections.abc import Callable, Sequence

from app.answering.types import Passage
from app.engine.records import ChatTurn, MemberId

INSTRUCTION = "Answer the question about the book in a few words, using the passages."
# Leaves room in any context for passages; a longer question is no question about a book.
QUESTION_TOKENS = 256


class QuestionError(ValueError):
    """The question cannot be asked; `slug` is the stable name of the reason, `limits` what it broke."""

    def __init__(self, slug: str, message: str, **limits: int) -> None:
        super().__init__(message)
        self.slug = slug
        self.limits = limits


def check_question(text: str, count_tokens: Callable[[str], int]) -> None:
    """Raise QuestionError for a question that is empty or longer than `QUESTION_TOKENS` tokens."""
    if not text.strip():
        raise QuestionError("question-empty", "The question is empty: write one.")
    # A megabyte need not be encoded to know that it is too long.
    if len(text) > QUESTION_TOKENS * 32 or count_tokens(text) > QUESTION_TOKENS:
        raise QuestionError(
            "question-too-long",
            f"The question is longer than {QUESTION_TOKENS} tokens: shorten it.",
            limit_tokens=QUESTION_TOKENS,
        )


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

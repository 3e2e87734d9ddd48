"""What a member reads: the passages in book order and the question, as one turn of the LLM's chat."""

from collections.abc import Sequence

from app.schemas import Citation
from trainer.llm.frozen_llm import FrozenLLM

INSTRUCTION = "Answer the question about the book in a few words, using the passages."
# Leaves room in any context for passages; a longer question is no question about a book.
QUESTION_TOKENS = 256


class QuestionError(ValueError):
    """The question cannot be asked; `slug` is the stable name of the reason, `limits` what it broke."""

    def __init__(self, slug: str, message: str, **limits: int) -> None:
        super().__init__(message)
        self.slug = slug
        self.limits = limits


def check_question(llm: FrozenLLM, question: str) -> None:
    """Raise QuestionError for a question that is empty or longer than `QUESTION_TOKENS` tokens."""
    if not question.strip():
        raise QuestionError("question-empty", "The question is empty: write one.")
    # A megabyte need not be encoded to know that it is too long.
    if len(question) > QUESTION_TOKENS * 32 or llm.count_tokens(question) > QUESTION_TOKENS:
        raise QuestionError(
            "question-too-long",
            f"The question is longer than {QUESTION_TOKENS} tokens: shorten it.",
            limit_tokens=QUESTION_TOKENS,
        )


def turn(
    llm: FrozenLLM, question: str, quotes: Sequence[Citation], room: int
) -> tuple[list[int], list[Citation]]:
    """Tokens of the turn in which `question` is asked over `quotes`, and the quotes it holds, in book order.

    At most `room` tokens: passages that fit the question least are left out until the rest fits.
    """
    kept = sorted(quotes, key=lambda quote: -quote.score)
    while True:
        ordered = sorted(kept, key=lambda quote: (quote.book, quote.start))
        tokens = llm.instruct(INSTRUCTION, _content(question, ordered))
        if len(tokens) <= room or not kept:
            return tokens, ordered
        kept.pop()


def _content(question: str, quotes: Sequence[Citation]) -> str:
    parts = []
    book = None
    for quote in quotes:
        if quote.book != book:
            book = quote.book
            parts.append(f"Passages from {quote.title}:")
        parts.append(quote.text)
    return "\n\n".join([*parts, f"Question: {question.strip()}"])

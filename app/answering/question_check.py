"""Which questions can be asked, and which answers to them be learned: neither empty nor too long."""

from collections.abc import Callable

from store.segmentation import is_blank

# Leaves room in any context for passages; a longer question is no question about a book.
QUESTION_TOKENS = 256


class QuestionError(ValueError):
    """The question cannot be asked, or its answer not be learned; `slug` is the stable name of the reason,
    `limits` what it broke.
    """

    def __init__(self, slug: str, message: str, **limits: int) -> None:
        super().__init__(message)
        self.slug = slug
        self.limits = limits


def check_question(text: str, count_tokens: Callable[[str], int]) -> None:
    """Raise QuestionError for a question that is blank or longer than `QUESTION_TOKENS` tokens."""
    if is_blank(text):
        raise QuestionError("question-empty", "The question is empty: write one.")
    if _too_long(text, count_tokens):
        message = f"The question is longer than {QUESTION_TOKENS} tokens: shorten it."
        raise QuestionError("question-too-long", message, limit_tokens=QUESTION_TOKENS)


def check_answer(text: str, count_tokens: Callable[[str], int]) -> None:
    """Raise QuestionError for an answer that is blank or longer than a question may be."""
    if is_blank(text):
        raise QuestionError("answer-empty", "The answer is empty: write one.")
    if _too_long(text, count_tokens):
        message = f"The answer is longer than {QUESTION_TOKENS} tokens: shorten it."
        raise QuestionError("answer-too-long", message, limit_tokens=QUESTION_TOKENS)


def _too_long(text: str, count_tokens: Callable[[str], int]) -> bool:
    # A megabyte need not be encoded to know that it is too long.
    return len(text) > QUESTION_TOKENS * 32 or count_tokens(text) > QUESTION_TOKENS

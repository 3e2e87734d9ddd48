"""A question of self-study: what members learn to answer."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class StudyQuestion:
    """A question about the passage of this number, and its answer.

    `source` says who stands for it: the LLM wrote it, or a person wrote or corrected it. Of the LLM's,
    `log_likelihood` is the answer's, mean per token, nats.
    """

    passage: int
    kind: str | None
    question: str
    answer: str
    log_likelihood: float | None = None
    source: Literal["llm", "person"] = "llm"

    def as_json(self) -> dict[str, Any]:
        """The fields, as they are stored."""
        return asdict(self)


def question_key(question: str) -> str:
    """The question without case and punctuation: two with one key are the same question."""
    return " ".join(re.findall(r"\w+", question.casefold()))

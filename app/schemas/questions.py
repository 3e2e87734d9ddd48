"""The questions that versions of a book learn from, as they are shown and changed."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.schemas.common import OnPages, Request

QuestionSource = Literal["llm", "person"]


class Question(OnPages):
    """A question about a passage of a book, and its answer.

    `source` is `person` where a person wrote or corrected it. `passage` is the ordinal of its passage, which
    is `start` to `end` of the text of this `revision`; chapter and pages are known of the newest revision.
    `changed_at` is None until somebody corrects it.
    """

    id: str
    object: Literal["question"] = "question"
    book: str
    revision: int
    text: str
    answer: str
    kind: str | None
    source: QuestionSource
    passage: int
    chapter: str | None
    start: int
    end: int
    created_at: int
    changed_at: int | None


class AddQuestion(Request):
    """A question of a person's own. Without a `passage` it is found: the best one that has the answer."""

    change: Literal["add"]
    text: str
    answer: str
    passage: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class CorrectQuestion(Request):
    """Other words for a question, for its answer, or for both."""

    change: Literal["correct"]
    id: str
    text: str | None = None
    answer: str | None = None

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if self.text is None and self.answer is None:
            raise ValueError("a correction has a text, an answer, or both")
        return self


class RemoveQuestion(Request):
    """A question that is never to be learned again."""

    change: Literal["remove"]
    id: str


QuestionChange = Annotated[AddQuestion | CorrectQuestion | RemoveQuestion, Field(discriminator="change")]


class ChangeQuestions(Request):
    """Changes to the questions of a book, made in this order, all or none."""

    changes: Annotated[list[QuestionChange], Field(min_length=1, max_length=200)]


class ChangedQuestions(BaseModel):
    """The questions that were added or corrected, as they stand now, and the ids of those removed."""

    book: str
    questions: list[Question]
    removed: list[str]

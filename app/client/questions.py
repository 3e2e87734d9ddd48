"""The client's calls about the questions that versions of a book learn from."""

from collections.abc import Sequence

from app.client.connection import Connection, api_path, as_json, valid_request
from app.schemas import (
    AddQuestion,
    ChangedQuestions,
    ChangeQuestions,
    CorrectQuestion,
    Page,
    Question,
    QuestionChange,
    QuestionSource,
    RemoveQuestion,
)


class Questions:
    """Calls about the questions of books, as `client.questions`; each raises ClientError as `Client` does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(
        self,
        book: str,
        *,
        kind: str | None = None,
        source: QuestionSource | None = None,
        passage: int | None = None,
        revision: int | None = None,
        most: int | None = None,
    ) -> list[Question]:
        """Read all questions about a book that fit, or the first `most`, in the order of their passages.

        They are about its newest revision unless another is named; `passage` is a passage's ordinal.
        """
        filters = {"kind": kind, "source": source, "passage": passage, "revision": revision}
        chosen = {name: str(value) for name, value in filters.items() if value is not None}
        url = api_path("books", book, "questions")
        return self._connection.list_all(Page[Question], url, chosen, most)

    def add(self, book: str, text: str, answer: str, *, passage: int | None = None) -> Question:
        """Add a question of one's own, about the passage of this ordinal or else about one that is found."""
        with valid_request():
            change = AddQuestion(change="add", text=text, answer=answer, passage=passage)
        return self.change(book, [change]).questions[0]

    def correct(
        self, book: str, question: str, *, text: str | None = None, answer: str | None = None
    ) -> Question:
        """Give a question other words, or its answer, or both."""
        with valid_request():
            change = CorrectQuestion(change="correct", id=question, text=text, answer=answer)
        return self.change(book, [change]).questions[0]

    def remove(self, book: str, questions: Sequence[str]) -> list[str]:
        """Remove questions, all or none, so that they are never learned again; return their ids."""
        return self.change(book, [RemoveQuestion(change="remove", id=each) for each in questions]).removed

    def change(self, book: str, changes: Sequence[QuestionChange]) -> ChangedQuestions:
        """Make changes in this order, all or none."""
        with valid_request():
            request = ChangeQuestions(changes=list(changes))
        url = api_path("books", book, "questions")
        return self._connection.call(ChangedQuestions, "PATCH", url, json=as_json(request))

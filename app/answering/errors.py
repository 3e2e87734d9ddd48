"""Why a question cannot be answered: there is nothing to ask, or not yet."""

from collections.abc import Sequence
from typing import Any

from app.answering.types import Scope


class NothingToAskError(Exception):
    """There is no book to ask."""

    def __init__(self) -> None:
        super().__init__(
            "The library is empty: add a book first, by bookchorus add FILE, on the page, or by POST /books."
        )


class NoBookFitsError(Exception):
    """No book is within the authors and tags that a question is limited to."""

    def __init__(self, scope: Scope) -> None:
        by = f" by {_any_of(scope.authors)}" if scope.authors else ""
        tagged = f" with the tag {_any_of(scope.tags)}" if scope.tags else ""
        super().__init__(f"There is no book{by}{tagged}.")


class NotReadyError(Exception):
    """A book has no version that can answer, and the caller wants no other answer.

    `job` is the id of its latest job, if it has one, and `progress` how far that is.
    """

    def __init__(
        self, book: str, status: str | None, job: str | None = None, progress: dict[str, Any] | None = None
    ) -> None:
        doing = "nothing is learning it" if status is None else f"its last job is {status}"
        super().__init__(f"{book} has no version that can answer yet: {doing}.")
        self.book = book
        self.job = job
        self.progress = progress


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))

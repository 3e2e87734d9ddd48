"""The registry as Python calls: the versions of a book, the aliases on them, and the skills."""

from collections.abc import Callable, Sequence

from app.client.connection import Connection, api_path, as_json, valid_request
from app.client.questions import Questions
from app.schemas import (
    COMPARED_QUESTIONS,
    AliasMove,
    AliasState,
    BookAliases,
    Compare,
    Comparison,
    MoveAlias,
    MovedAlias,
    PromptVersion,
    Prune,
    Pruned,
    Rollback,
    SkillList,
)

CHAMPION = "champion"


class Registry:
    """Calls about the versions of books and the skills, as `client.registry`.

    Each raises ClientError as `Client` does. A version is named by its number or by an alias.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self, book: str, ref: int | str = CHAMPION) -> PromptVersion:
        """Read one version, with the loss of each member at each step."""
        return self._connection.call(PromptVersion, "GET", api_path("admin", "books", book, "versions", ref))

    def skills(self) -> SkillList:
        """Read which skills LLMs can answer behind, which is loaded, and what a restart takes."""
        return self._connection.call(SkillList, "GET", "/admin/skills")

    def aliases(self, book: str) -> dict[str, int]:
        """Read which version each alias of a book is on."""
        url = api_path("admin", "books", book, "aliases")
        return self._connection.call(BookAliases, "GET", url, params={"limit": 1}).aliases

    def history(self, book: str, alias: str | None = None) -> list[AliasMove]:
        """Read every move of a book's aliases, or of one of them, newest first."""
        url = api_path("admin", "books", book, "aliases", *([alias] if alias else []))
        moves: list[AliasMove] = []
        while True:
            params = {"limit": 200} | ({"after": moves[-1].id} if moves else {})
            if alias is None:
                page: BookAliases | AliasState = self._connection.call(BookAliases, "GET", url, params=params)
            else:
                page = self._connection.call(AliasState, "GET", url, params=params)
            moves += page.history
            if not page.has_more:
                return moves

    def promote(
        self,
        book: str,
        version: int,
        *,
        alias: str = CHAMPION,
        why: str | None = None,
        force: bool = False,
    ) -> MovedAlias:
        """Put an alias on a version, and tell whether it `moved`: not where it was there already.

        `champion` goes to one that is worse only by `force`.
        """
        with valid_request():
            move = MoveAlias(version=version, why=why, force=force)
        url = api_path("admin", "books", book, "aliases", alias)
        return self._connection.call(MovedAlias, "PUT", url, json=as_json(move))

    def rollback(self, book: str, *, alias: str = CHAMPION, why: str | None = None) -> AliasState:
        """Put an alias back where it was before its last move; once more is one move further back."""
        with valid_request():
            request = Rollback(why=why)
        url = api_path("admin", "books", book, "aliases", alias, "rollback")
        return self._connection.call(AliasState, "POST", url, json=as_json(request))

    def remove(self, book: str, alias: str) -> AliasState:
        """Take an alias off; its history stays."""
        return self._connection.call(AliasState, "DELETE", api_path("admin", "books", book, "aliases", alias))

    def compare(
        self,
        book: str,
        one: int | str,
        other: int | str,
        *,
        questions: Sequence[str] | None = None,
        seed: int = 0,
        on_question: Callable[[int, int, str], None] | None = None,
    ) -> Comparison:
        """Put two versions side by side, and ask both: the `questions`, or some written about the book.

        With `on_question` each question is asked by a call of its own. Before that it gets the question's
        number, from 1, how many there are, and the question.
        """
        asked = None if questions is None else list(questions)
        with valid_request():
            request = Compare(versions=[one, other], questions=asked, seed=seed)
        if on_question is None:
            return self._compared(book, request)
        compared = self._compared(book, request.model_copy(update={"questions": []}))
        # What an alias is on may change between two calls.
        numbers = [version.number for version in compared.versions]
        known: list[tuple[str, str | None]] = [(question, None) for question in asked or []]
        if asked is None:
            written = Questions(self._connection).of(book, most=COMPARED_QUESTIONS)
            known = [(question.text, question.answer) for question in written]
        for number, (question, expected) in enumerate(known, start=1):
            on_question(number, len(known), question)
            again = request.model_copy(update={"versions": numbers, "questions": [question]})
            answered = self._compared(book, again).questions
            compared.questions += [each.model_copy(update={"expected": expected}) for each in answered]
        return compared

    def _compared(self, book: str, request: Compare) -> Comparison:
        url = api_path("admin", "books", book, "compare")
        return self._connection.call(Comparison, "POST", url, json=as_json(request))

    def prune(self, book: str, *, keep: int) -> list[int]:
        """Prune all versions but the last `keep` and those in use; return the numbers of the pruned."""
        with valid_request():
            request = Prune(keep=keep)
        url = api_path("admin", "books", book, "prune")
        return self._connection.call(Pruned, "POST", url, json=as_json(request)).versions

    def delete(self, book: str, version: int) -> PromptVersion:
        """Prune one version that nothing uses."""
        url = api_path("admin", "books", book, "versions", version)
        return self._connection.call(PromptVersion, "DELETE", url)

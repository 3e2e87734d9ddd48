"""From a question to the book that fits it best, and to the passages that are read."""

from collections.abc import Callable, Sequence

from app.answering.errors import NoBookFitsError, NothingToAskError
from app.answering.types import Passage, Scope
from store import books
from store.database import Database
from store.passages import get_passages, pages_of
from store.search.index import Hit, PassageIndex


class Retrieval:
    """Finds books and passages in one store."""

    def __init__(self, database: Database, index: PassageIndex) -> None:
        self._database = database
        self.index = index

    def best_book(self, question: str, scope: Scope) -> str:
        """The id of the book that fits the question best, of all or of those in the scope.

        Raises NothingToAskError for an empty library, NoBookFitsError where no book is in the scope.
        """
        hits = self.index.books(question, 1, self._library(scope))
        if not hits:
            limited = scope.authors is not None or scope.tags is not None
            raise NoBookFitsError(scope) if limited else NothingToAskError()
        return hits[0].book_id

    def search(self, question: str, count: int, scope: Scope) -> list[Passage]:
        """The `count` passages that fit the question best, best first: of the books that the scope names,
        together, else of all books in it.

        Raises NotFoundError for a book that is not there.
        """
        if scope.books:
            with self._database.read() as session:
                within: list[str] | None = [books.get(session, book, scope.owner).id for book in scope.books]
        else:
            within = self._library(scope)
        return self.passages(lambda: self.index.search(question, count, within))

    def _library(self, scope: Scope) -> list[str] | None:
        """The ids of the books in the scope, but for the names of books; None for all that there are."""
        if scope.authors is None and scope.tags is None and scope.owner is None:
            return None
        with self._database.read() as session:
            return books.ids_in_scope(session, scope.authors, scope.tags, scope.owner)

    def passages(self, search: Callable[[], Sequence[Hit]]) -> list[Passage]:
        """The passages that a search hits, in its order.

        Where a new edition of a book comes in between, its passages are searched for again. Raises
        NotFoundError where a book is removed in between.
        """
        while True:
            hits = search()
            with self._database.read() as session:
                rows = get_passages(session, [hit.passage_id for hit in hits])
                found = {book: books.get(session, book) for book in {hit.book_id for hit in hits}}
                pages = pages_of(session, rows)
            if len(rows) == len(hits):
                break
        return [
            Passage(
                id=row.id,
                ordinal=row.ordinal,
                book=row.book_id,
                title=found[row.book_id].title,
                author=found[row.book_id].author,
                chapter=found[row.book_id].chapters[row.chapter_ordinal].title,
                pages=pages[row.id],
                start=row.start,
                end=row.end,
                text=row.text,
                score=hit.score,
                language=found[row.book_id].language,
            )
            for row, hit in zip(rows, hits, strict=True)
        ]

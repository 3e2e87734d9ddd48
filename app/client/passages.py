"""The client's calls that find passages and read texts."""

from collections.abc import Sequence

from app.client.connection import Connection, api_path, refusal
from app.schemas import FoundPassage, FoundPassages, PassageInContext


class Passages:
    """Calls about passages, as `client.passages`; each raises ClientError as `Client` does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def search(
        self, query: str, *, books: Sequence[str] | None = None, limit: int | None = None
    ) -> list[FoundPassage]:
        """Find the passages that fit a query best, the best first: of the books of these ids, else of all."""
        params = {"query": query, "book": list(books or ()), "limit": limit}
        chosen = {name: value for name, value in params.items() if value not in (None, [])}
        return self._connection.call(FoundPassages, "GET", "/passages", params=chosen).data

    def read(self, passage: int, *, around: int = 1) -> PassageInContext:
        """Read the passage of this id, and as many as `around` of those before and behind it."""
        url = api_path("passages", passage)
        return self._connection.call(PassageInContext, "GET", url, params={"around": around})

    def text(self, book_id: str, *, revision: int | None = None) -> str:
        """Read a book's whole text, the newest or that of a revision; offsets count its characters."""
        chosen = {} if revision is None else {"revision": revision}
        response = self._connection.send("GET", api_path("books", book_id, "text"), params=chosen)
        if response.is_error:
            raise refusal(response)
        return response.text

"""The words of whole books: a book is found by words that no passage of it has together."""

from collections.abc import Iterable

from store.search.bm25 import BM25Index


class BookWords:
    """BM25 over books, each as one document; it never changes. Scoring is thread-safe."""

    def __init__(self, passages: Iterable[tuple[str, str]]) -> None:
        """Index passages, each given by its book's id and its text."""
        texts: dict[str, list[str]] = {}
        for book_id, text in passages:
            texts.setdefault(book_id, []).append(text)
        self._books = list(texts)
        self._index = BM25Index({number: "\n".join(parts) for number, parts in enumerate(texts.values())})

    def score(self, question: str) -> dict[str, float]:
        """Return each book's score by its id, as a share of the highest that the question could have."""
        return dict(zip(self._books, self._index.score(question).scores.tolist(), strict=True))

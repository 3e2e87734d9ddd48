"""The words of whole books: a book is found by words that no passage of it has together."""

from collections.abc import Sequence

from store.search.bm25 import BM25Index, StemmedTexts


class BookWords:
    """BM25 over books, each as one document; it never changes. Scoring is thread-safe."""

    def __init__(self, book_ids: Sequence[str], passages: StemmedTexts) -> None:
        """Index passages, each of the book whose id stands at its place."""
        places: dict[str, list[int]] = {}
        for place, book_id in enumerate(book_ids):
            places.setdefault(book_id, []).append(place)
        self._books = list(places)
        self._index = BM25Index(range(len(places)), passages.joined(places.values()))

    def score(self, question: str) -> dict[str, float]:
        """Return each book's score by its id, as a share of the highest that the question could have."""
        return dict(zip(self._books, self._index.score(question).scores.tolist(), strict=True))

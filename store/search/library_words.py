"""The words of a library: of each passage, and of whole books, each as one document.

A book is thus found by words that no passage of it has together.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import tee
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.search.bm25 import BM25Index
from store.search.stemmers import BY_SCRIPT
from store.search.stemming import StemmedTexts
from store.search.vocabulary import Vocabulary, decode, encode

# The id of a passage, that of its book, and its text.
Row = tuple[int, str, str]


class LibraryWords:
    """BM25 over passages, and over books; it never changes. Scoring is thread-safe."""

    def __init__(
        self,
        passages: BM25Index,
        books: BM25Index,
        stemmers: Mapping[str, str],
        owners: NDArray[np.int32],
    ) -> None:
        """Take both indexes, each book's stemmer by its id, and each passage's place among the books, of
        shape (n,).
        """
        self.passages = passages
        self.stemmers = stemmers
        self.book_ids = list(stemmers)
        self._books = books
        self._owners = owners
        self._numbers = {book_id: number for number, book_id in enumerate(self.book_ids)}

    @classmethod
    def build(cls, rows: Iterable[Row], stemmers: Mapping[str, str] | None = None) -> "LibraryWords":
        """Index passages, their ids ascending; `stemmers` are as in `updated`."""
        nothing = StemmedTexts([])
        passages, books = BM25Index.build([], nothing), BM25Index.build([], nothing)
        return cls(passages, books, {}, np.empty(0, dtype=np.int32)).updated(set(), rows, stemmers)

    def updated(
        self, kept: set[str], rows: Iterable[Row], stemmers: Mapping[str, str] | None = None
    ) -> "LibraryWords":
        """Return an index without the books that are not `kept`, and with the passages of new ones.

        The `rows` are as in `build`, their ids above all others. `stemmers` has the stemmer of each new book
        by its id; a book that it lacks is stemmed by script.
        """
        kept_books = np.array([book_id in kept for book_id in self.book_ids], dtype=bool)
        renumbered = np.cumsum(kept_books, dtype=np.int32) - 1
        by_book = {book_id: stemmer for book_id, stemmer in self.stemmers.items() if book_id in kept}
        numbers = {book_id: number for number, book_id in enumerate(by_book)}
        first = len(numbers)
        unused = int(self._books.ids[-1]) + 1 if self.book_ids else 0
        ids: list[int] = []
        owners: list[int] = []

        def texts(rows: Iterable[Row]) -> Iterable[str]:
            for passage_id, book_id, text in rows:
                ids.append(passage_id)
                owners.append(numbers.setdefault(book_id, len(numbers)))
                yield text

        def stemmers_of(rows: Iterable[Row]) -> Iterable[str]:
            for _, book_id, _ in rows:
                yield by_book.setdefault(book_id, (stemmers or {}).get(book_id, BY_SCRIPT))

        # Both go on row by row, so that no more than one is kept.
        one, other = tee(rows)
        stemmed = StemmedTexts(texts(one), self.passages.vocabulary, stemmers_of(other))
        new_owners = np.array(owners, dtype=np.int32)
        kept_passages = kept_books[self._owners]
        return LibraryWords(
            self.passages.updated(kept_passages, ids, stemmed),
            self._books.updated(
                kept_books,
                np.arange(unused, unused + len(numbers) - first),
                stemmed.joined(new_owners - first, len(numbers) - first),
            ),
            by_book,
            np.concatenate([renumbered[self._owners[kept_passages]], new_owners]),
        )

    @property
    def ids(self) -> NDArray[np.int64]:
        """The int64 ids of all passages, ascending."""
        return self.passages.ids

    def of_books(self, book_ids: Collection[str]) -> NDArray[np.bool_]:
        """Tell which passages are of these books, of shape (n,); books not indexed are passed over."""
        some = np.zeros(len(self.book_ids), dtype=bool)
        some[[self._numbers[book_id] for book_id in book_ids if book_id in self._numbers]] = True
        return some[self._owners]

    def books_of(self, ids: NDArray[np.int64]) -> set[str]:
        """Return the books of these passages, which must be in the index."""
        return {self.book_ids[owner] for owner in np.unique(self._owners[np.searchsorted(self.ids, ids)])}

    def extents(self) -> dict[str, tuple[int, int, int]]:
        """Return the number of passages of each book, its first passage and its last, by the book's id."""
        count = len(self.book_ids)
        first, last = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        first[self._owners[::-1]] = self.ids[::-1]
        last[self._owners] = self.ids
        sizes = np.bincount(self._owners, minlength=count)
        columns = sizes.tolist(), first.tolist(), last.tolist()
        return dict(zip(self.book_ids, zip(*columns, strict=True), strict=True))

    def score_books(self, question: str) -> dict[str, float]:
        """Return each book's score by its id, as a share of the highest that the question could have."""
        return dict(zip(self.book_ids, self._books.score(question).all().tolist(), strict=True))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything by name, to be written to a file."""
        found: dict[str, NDArray[Any]] = {
            "owners": self._owners,
            "book_ids": encode(self.book_ids),
            "stemmers": encode(self.stemmers.values()),
        }
        parts = {
            "vocabulary": self.passages.vocabulary.arrays(),
            "passages": self.passages.arrays(),
            "books": self._books.arrays(),
        }
        for kind, arrays in parts.items():
            found |= {f"{kind}.{name}": array for name, array in arrays.items()}
        return found

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "LibraryWords":
        """Take what `arrays` gave. KeyError: something is missing."""

        def part(kind: str) -> dict[str, NDArray[Any]]:
            return {name.removeprefix(kind): arrays[name] for name in arrays if name.startswith(kind)}

        vocabulary = Vocabulary.of_arrays(part("vocabulary."))
        passages, books = (BM25Index.of_arrays(part(kind), vocabulary) for kind in ("passages.", "books."))
        book_ids, stemmers = decode(arrays["book_ids"]), decode(arrays["stemmers"])
        owners = arrays["owners"].astype(np.int32)
        return cls(passages, books, dict(zip(book_ids, stemmers, strict=True)), owners)

"""Postings: which documents have each term, and how often; flat arrays that never change."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from store.search.stemming import StemmedTexts

# Words that are sorted at once: bounds the memory beside the result to a few times 134 MB.
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class Postings:
    """The documents of t terms, n altogether.

    `keys` are the terms' int64 numbers, ascending, of shape (t,), and `ends`, int64 of shape (t,), says where
    each term's documents end in `documents`, int32 of shape (n,), ascending within a term. `counts`, unsigned
    of shape (n,), says how often the document has the term. A pair of words has the number of its left word
    in the upper 32 bits, and that of the right one in the lower.
    """

    keys: NDArray[np.int64]
    ends: NDArray[np.int64]
    documents: NDArray[np.int32]
    counts: NDArray[np.unsignedinteger]

    @classmethod
    def of_words(cls, texts: StemmedTexts) -> Self:
        """Count the stems of the words of each text."""
        return cls._count(texts, texts.terms, pairs=False)

    @classmethod
    def of_exact_words(cls, texts: StemmedTexts) -> Self:
        """Count the words of each text as they stand."""
        return cls._count(texts, texts.exact, pairs=False)

    @classmethod
    def of_pairs(cls, texts: StemmedTexts) -> Self:
        """Count the pairs of neighbouring stems of each text."""
        return cls._count(texts, texts.terms, pairs=True)

    @classmethod
    def _count(cls, texts: StemmedTexts, terms: NDArray[np.int32], pairs: bool) -> Self:
        """Sort (term, document), as one number each, and count equal ones; some of the terms at a time."""
        ends, size = texts.ends, len(texts.ends)
        begins = np.ones(len(terms), dtype=bool)
        if pairs:
            begins[ends[texts.lengths > 0] - 1] = False
        words = int(terms.max()) + 1 if len(terms) else 0
        until = np.cumsum(np.bincount(terms, minlength=words))
        widest = (1 << 62) // max(1, size * (words if pairs else 1))
        found: list[tuple[NDArray[np.int64], ...]] = []
        first = 0
        while first < words:
            done = until[first - 1] if first else 0
            last = int(np.searchsorted(until, done + _CHUNK, side="right"))
            last = max(first + 1, min(last, first + widest))
            places = np.flatnonzero(begins & (terms >= first) & (terms < last))
            numbers = terms[places].astype(np.int64) - first
            if pairs:
                numbers = numbers * words + terms[places + 1]
            numbers = numbers * size + np.searchsorted(ends, places, side="right")
            numbers.sort()
            starts = _starts(numbers)
            counts = np.diff(starts, append=len(numbers))
            keys, documents = np.divmod(numbers[starts], size)
            starts = _starts(keys)
            lengths, keys = np.diff(starts, append=len(keys)), keys[starts]
            keys = (keys // words + first << 32) | keys % words if pairs else keys + first
            small = np.min_scalar_type(counts.max(initial=0))
            found.append((keys, lengths, documents.astype(np.int32), counts.astype(small)))
            first = last
        return cls._of_parts(found)

    @classmethod
    def _of_parts(cls, parts: list[tuple[NDArray[np.int64], ...]]) -> Self:
        nothing = np.empty(0, dtype=np.int64)
        columns = list(zip(*parts, strict=True)) or [(), (), (), ()]
        return cls(
            np.concatenate([nothing, *columns[0]]),
            np.cumsum(np.concatenate([nothing, *columns[1]])),
            np.concatenate([nothing.astype(np.int32), *columns[2]]),
            np.concatenate([nothing.astype(np.uint8), *columns[3]]),
        )

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each of these terms, of shape (n,); -1 for one that no document has."""
        if len(self.keys) == 0:
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)

    def part(self, place: int) -> slice:
        """Return where the documents of the term at this place are."""
        return slice(int(self.ends[place - 1]) if place else 0, int(self.ends[place]))

    def without(self, numbers: NDArray[np.int32]) -> "Postings":
        """Return the postings of the documents that have a new number; -1 stands at a document that goes.

        `numbers` is of shape (documents,), and ascends but for the -1.
        """
        documents = numbers[self.documents]
        kept = documents >= 0
        until: NDArray[np.int64] = np.cumsum(np.append(0, kept), dtype=np.int64)[self.ends]
        some = np.diff(until, prepend=0) > 0
        return Postings(self.keys[some], until[some], documents[kept], self.counts[kept])

    def extended(self, new: "Postings", first: int) -> "Postings":
        """Return these postings and those of new documents, whose numbers begin at `first`."""
        if len(self.keys) == 0:
            return Postings(new.keys, new.ends, new.documents + np.int32(first), new.counts)
        if len(new.keys) == 0:
            return self
        # Where each new term belongs, and where its documents go: behind the older ones of the same term.
        places = np.searchsorted(self.keys, new.keys)
        known = self.find(new.keys) >= 0
        bounds = np.concatenate([[0], self.ends])
        lengths = np.diff(new.ends, prepend=0)
        at = np.repeat(bounds[places + known], lengths)
        all_lengths = np.diff(bounds)
        all_lengths[places[known]] += lengths[known]
        wide = np.result_type(self.counts, new.counts)
        return Postings(
            np.insert(self.keys, places[~known], new.keys[~known]),
            np.cumsum(np.insert(all_lengths, places[~known], lengths[~known])),
            np.insert(self.documents, at, new.documents + np.int32(first)),
            np.insert(self.counts.astype(wide, copy=False), at, new.counts),
        )


def _starts(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where a run of equal numbers begins."""
    changes = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=changes[1:])
    return np.flatnonzero(changes)

"""BM25 over stems, pairs of neighbouring stems, and words as they stand: finds passages by their words."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.search.lexical_scores import LexicalScores, TermScores
from store.search.postings import Postings
from store.search.stemming import StemmedTexts, Stemming, asked_words
from store.search.words import folded

_UNKNOWN = -1
_FIELDS = ("words", "pairs", "exact")
# Chosen on FairytaleQA's training questions.
_K1 = 0.9
_B = 0.4
_PAIR_WEIGHT = 0.3
# What a word counts for that stands there as it is asked for: enough to tell Pena from Peña.
# Who types a mark means it: such a word counts for more.
_EXACT_WEIGHT = 0.1
_MARKED_WEIGHT = 0.3
# Postings that are weighed at once: bounds the memory beside the result.
_CHUNK = 1 << 22


class BM25Index:
    """An index of the words of passages; it never changes. Scoring is thread-safe.

    A passage that has a term c times scores IDF * c / (c + k1 (1 - b + b length / mean length)) for it:
    Robertson and Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009, without the constant
    factor k1 + 1, and with Lucene's IDF, log(1 + (n - d + .5) / (d + .5)) for d of n passages, which is never
    negative.
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        vocabulary: dict[str, int],
        lengths: NDArray[np.int64],
        words: Postings,
        pairs: Postings,
        exact: Postings,
    ) -> None:
        """Take the ids, ascending, and lengths in words of the passages, both of shape (n,)."""
        self.ids = ids
        self.vocabulary = vocabulary
        self._lengths = lengths
        self._words = _Field(words, lengths)
        self._pairs = _Field(pairs, np.maximum(lengths - 1, 0))
        self._exact = _Field(exact, lengths)

    @classmethod
    def build(cls, ids: Sequence[int] | NDArray[np.int64], texts: StemmedTexts) -> "BM25Index":
        """Index a text for each passage id; the ids ascend."""
        found = np.array(ids, dtype=np.int64)
        return cls(found, texts.vocabulary, texts.lengths, *_postings(texts))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], vocabulary: dict[str, int]) -> "BM25Index":
        """Take what `arrays` gave. KeyError: something is missing."""
        fields = (Postings(*(arrays[f"{field}.{name}"] for name in Postings.__slots__)) for field in _FIELDS)
        return cls(arrays["ids"], vocabulary, arrays["lengths"], *fields)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all of the index but its vocabulary, by name."""
        found: dict[str, NDArray[Any]] = {"ids": self.ids, "lengths": self._lengths}
        for field, postings in zip(_FIELDS, self._fields, strict=True):
            found |= {f"{field}.{name}": getattr(postings, name) for name in Postings.__slots__}
        return found

    def updated(
        self, kept: NDArray[np.bool_], ids: Sequence[int] | NDArray[np.int64], texts: StemmedTexts
    ) -> "BM25Index":
        """Return an index without the passages that are not `kept`, of shape (n,), and with new texts.

        The new ids ascend, and are above all others; the texts have this index's vocabulary.
        """
        fields = self._fields
        if not kept.all():
            numbers = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
            fields = [postings.without(numbers) for postings in fields]
        first = int(kept.sum())
        return BM25Index(
            np.concatenate([self.ids[kept], np.array(ids, dtype=np.int64)]),
            self.vocabulary,
            np.concatenate([self._lengths[kept], texts.lengths]),
            *(old.extended(new, first) for old, new in zip(fields, _postings(texts), strict=True)),
        )

    @property
    def _fields(self) -> list[Postings]:
        return [self._words.postings, self._pairs.postings, self._exact.postings]

    def score(self, question: str) -> LexicalScores:
        """Score every passage by BM25, as a share of the highest score that the question could have.

        A word that no passage has lowers all shares, as much as the rarest word does where it is missing.
        """
        asked, stemming = asked_words(question), Stemming()
        stems = [self.vocabulary.get(stemming.stem(word), _UNKNOWN) for word in asked]
        # A stem may be of passages that are no longer there.
        numbers = [
            number if place >= 0 else _UNKNOWN
            for number, place in zip(stems, self._words.places(stems), strict=True)
        ]
        pairs = [(left << 32) | right for left, right in pairwise(numbers) if _UNKNOWN not in (left, right)]
        word_idf, pair_idf = self._words.idf(numbers), self._pairs.idf(pairs)
        exact: dict[int, float] = {}
        for word in asked:
            weight = _EXACT_WEIGHT if folded(word) == word else _MARKED_WEIGHT
            for place, idf in self._exact.idf([self.vocabulary.get(word, _UNKNOWN)]).items():
                exact[place] = exact.get(place, 0.0) + weight * idf
        most = (
            sum(word_idf.values())
            + numbers.count(_UNKNOWN) * self._words.unknown_idf
            + _PAIR_WEIGHT * sum(pair_idf.values())
            + sum(exact.values())
        )
        terms = [self._words.scores(place, idf / most) for place, idf in word_idf.items()]
        terms += [self._pairs.scores(place, _PAIR_WEIGHT * idf / most) for place, idf in pair_idf.items()]
        terms += [self._exact.scores(place, weight / most) for place, weight in exact.items()]
        return LexicalScores(self.ids, terms)


def _postings(texts: StemmedTexts) -> list[Postings]:
    return [Postings.of_words(texts), Postings.of_pairs(texts), Postings.of_exact_words(texts)]


class _Field:
    """The postings of one kind of terms. `unknown_idf` is the IDF of a term that no document has."""

    def __init__(self, postings: Postings, lengths: NDArray[np.int64]) -> None:
        self.postings = postings
        self._size = len(lengths)
        mean = max(1.0, float(lengths.sum())) / max(1, self._size)
        norms = (_K1 * (1 - _B + _B * lengths / mean)).astype(np.float32)
        # What each document has of a term's IDF, for all terms: a question then only adds up.
        self._shares = np.empty(len(postings.documents), dtype=np.float32)
        for start in range(0, len(self._shares), _CHUNK):
            part = slice(start, start + _CHUNK)
            counts = postings.counts[part].astype(np.float32)
            np.divide(counts, counts + norms[postings.documents[part]], out=self._shares[part])
        self.unknown_idf = float(np.log(1 + (self._size + 0.5) / 0.5))

    def places(self, terms: Sequence[int]) -> list[int]:
        """Return the place of each term, -1 for one that no document has."""
        found: list[int] = self.postings.find(np.array(terms, dtype=np.int64)).tolist()
        return found

    def idf(self, terms: Sequence[int]) -> dict[int, float]:
        """Return the IDF of each known term, by its place: as many times as the term is asked for."""
        found: dict[int, float] = {}
        for place in self.places(terms):
            if place >= 0:
                part = self.postings.part(place)
                frequency = part.stop - part.start
                idf = float(np.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5)))
                found[place] = found.get(place, 0.0) + idf
        return found

    def scores(self, place: int, most: float) -> TermScores:
        """Return the scores of the documents that have the term at this place, `most` at most."""
        part = self.postings.part(place)
        return TermScores(self.postings.documents[part], self._shares[part], most, self._size)

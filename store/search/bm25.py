"""BM25 over stems, pairs of neighbouring stems, and words as they stand: finds passages by their words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.search.lexical_scores import LexicalScores, TermScores
from store.search.postings import Postings
from store.search.stemming import StemmedTexts, Stemming, asked_words
from store.search.vocabulary import Vocabulary
from store.search.words import folded

# Where the numbers of a term are in the postings: in each language its stem is another one.
Places = tuple[int, ...]
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
        vocabulary: Vocabulary,
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
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], vocabulary: Vocabulary) -> "BM25Index":
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

        A word is looked up as the stems that it has in all languages of the library, and counts once. One
        that no passage has lowers all shares, as much as the rarest word does where it is missing.
        """
        asked, stemming = asked_words(question), Stemming()
        # The stems of each word by each stemmer: a passage has those of one alone.
        by_stemmer = [
            [stemming.asked(word, stemmer, self.vocabulary) for word in asked]
            for stemmer in self.vocabulary.stemmers
        ]
        words = self._words.places(set[int]().union(*each) for each in zip(*by_stemmer, strict=True))
        pairs = self._pairs.places(
            {(left << 32) | right for lefts, rights in each for left in lefts for right in rights}
            for each in zip(*map(pairwise, by_stemmer), strict=True)
        )
        numbers = map(self.vocabulary.numbers.get, asked)
        exact = self._exact.places(() if number is None else (number,) for number in numbers)
        marked = (_EXACT_WEIGHT if folded(word) == word else _MARKED_WEIGHT for word in asked)
        found = [
            *self._words.terms(words),
            *self._pairs.terms(pairs, repeat(_PAIR_WEIGHT)),
            *self._exact.terms(exact, marked),
        ]
        unknown = len(asked) - sum(map(bool, words))
        most = sum(term.most for term in found) + unknown * self._words.unknown_idf
        size = len(self.ids)
        terms = [TermScores(term.documents, term.shares, term.most / most, size) for term in found]
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

    def places(self, asked: Iterable[Collection[int]]) -> list[Places]:
        """Return for each term the places of the numbers that it has in documents, () if it is in none."""
        terms = [sorted(each) for each in asked]
        flat = np.array([number for term in terms for number in term], dtype=np.int64)
        found = iter(self.postings.find(flat).tolist())
        return [tuple(place for place in islice(found, len(term)) if place >= 0) for term in terms]

    def terms(self, asked: Iterable[Places], weights: Iterable[float] = repeat(1.0)) -> list["_Term"]:
        """Return each term that documents have: `most` is its IDF times the weight, as often as asked for."""
        found: dict[Places, _Term] = {}
        for places, weight in zip(asked, weights, strict=False):
            if places:
                if places not in found:
                    found[places] = _Term(*self._documents(places))
                term = found[places]
                frequency = len(term.documents)
                term.most += weight * log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))
        return list(found.values())

    def _documents(self, places: Places) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The documents that have any of these, ascending, and the largest share that each has of one."""
        parts = [self.postings.part(place) for place in places]
        if len(parts) == 1:
            return self.postings.documents[parts[0]], self._shares[parts[0]]
        documents = np.concatenate([self.postings.documents[part] for part in parts])
        order = np.argsort(documents, kind="stable")  # quick: it is made of ascending runs
        documents, shares = documents[order], np.concatenate([self._shares[part] for part in parts])[order]
        first = np.flatnonzero(np.diff(documents, prepend=-1))
        return documents[first], np.maximum.reduceat(shares, first)


@dataclass(slots=True)
class _Term:
    """The documents that have a term, and the share that each has of `most`."""

    documents: NDArray[np.int32]
    shares: NDArray[np.float32]
    most: float = 0.0

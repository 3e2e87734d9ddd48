"""BM25 over words and pairs of neighbouring words: finds passages by their words, in memory."""

import logging
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray

# Scripts written without spaces between words, where each character counts as a word: Thai to Myanmar, Khmer,
# kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
# English words that make a sentence a question, and say nothing of its answer.
_QUESTION_WORDS = frozenset(
    ("what", "who", "whom", "whose", "why", "how", "where", "when", "which", "did", "do", "does")
)
_NO_TERMS = np.empty(0, dtype=np.int64)
_UNKNOWN = -1
# Chosen on FairytaleQA's training questions.
_K1 = 0.9
_B = 0.4
_PAIR_WEIGHT = 0.3


def words(text: str) -> list[str]:
    """Return the words of a text in any script, in order: case folded, without punctuation around them."""
    return _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold()))


class StemmedTexts:
    """Texts as the numbers of their words, int64 of shape (words,) each; `numbers` has that of each stem.

    English words are stemmed; words of other languages mostly stay as they are.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Split and stem all texts: of what indexing takes, this is the half that indexes can share."""
        stemmer = Stemmer.Stemmer("english")
        self.numbers: dict[str, int] = {}
        self.documents = [
            np.array(
                [self.numbers.setdefault(stem, len(self.numbers)) for stem in stemmer.stemWords(words(text))],
                dtype=np.int64,
            )
            for text in texts
        ]

    def joined(self, groups: Iterable[Sequence[int]]) -> Self:
        """The texts at these places, each group as one text."""
        joined = copy(self)
        joined.documents = [np.concatenate([self.documents[place] for place in group]) for group in groups]
        return joined


class BM25Index:
    """An index of the words of passages; it never changes. Scoring is thread-safe."""

    def __init__(self, ids: Sequence[int], texts: StemmedTexts) -> None:
        """Index a text for each passage id; the ids ascend."""
        # bm25s sets its logger to DEBUG when it is imported, and logs each index that it builds.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._ids = np.array(ids, dtype=np.int64)
        self._numbers = texts.numbers
        self._words = _TermIndex(texts.documents)
        self._pairs = _TermIndex([(document[:-1] << 32) | document[1:] for document in texts.documents])

    def score(self, question: str) -> "LexicalScores":
        """Score every passage by BM25, as a share of the highest score that the question could have.

        A word that no passage has lowers all shares, as much as the rarest word does where it is missing.
        """
        # Stemmers have a cache, so that two threads must not share one.
        stems = Stemmer.Stemmer("english").stemWords(
            [word for word in words(question) if word not in _QUESTION_WORDS]
        )
        numbers = [self._numbers.get(stem, _UNKNOWN) for stem in stems]
        pairs = [(left << 32) | right for left, right in pairwise(numbers) if _UNKNOWN not in (left, right)]
        word_scores, most_of_words = self._words.score(numbers)
        pair_scores, most_of_pairs = self._pairs.score(pairs)
        most_of_unknown = numbers.count(_UNKNOWN) * self._words.unknown_idf
        most = most_of_words + most_of_unknown + _PAIR_WEIGHT * most_of_pairs
        if most == 0:
            return LexicalScores(self._ids, np.zeros(len(self._ids), dtype=np.float32))
        shares = np.asarray((word_scores + _PAIR_WEIGHT * pair_scores) / most, dtype=np.float32)
        return LexicalScores(self._ids, shares)


@dataclass(frozen=True, slots=True)
class LexicalScores:
    """The scores of every passage for one question: ascending int64 ids, float32 scores, of shape (n,)."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of these passages; one that is not in the index scores 0."""
        places = np.searchsorted(self.ids, ids)
        found = np.zeros(len(ids), dtype=np.float32)
        if len(self.ids) > 0:
            places[places == len(self.ids)] = 0
            known = self.ids[places] == ids
            found[known] = self.scores[places[known]]
        return found

    def best(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of the `k` best passages, best first; fewer if there are fewer."""
        k = min(k, len(self.scores))
        all_of_them = k == len(self.scores)
        places = np.arange(k) if all_of_them else np.argpartition(-self.scores, k - 1)[:k]
        places = places[np.argsort(-self.scores[places], kind="stable")]
        return self.ids[places], self.scores[places]


class _TermIndex:
    """BM25 over documents of numbered terms. `unknown_idf` is the IDF of a term that no document has."""

    def __init__(self, documents: Sequence[NDArray[np.int64]]) -> None:
        self._known, columns = np.unique(np.concatenate([*documents, _NO_TERMS]), return_inverse=True)
        self._size = len(documents)
        self.unknown_idf = math.log(1 + (self._size + 0.5) / 0.5)
        if len(self._known) == 0:
            return  # bm25s cannot build an empty index
        ends = np.cumsum([len(document) for document in documents])[:-1]
        self._bm25 = bm25s.BM25(k1=_K1, b=_B)
        self._bm25.scores = self._bm25.build_index_from_ids(
            list(range(len(self._known))),
            [document.tolist() for document in np.split(columns, ends)],
            show_progress=False,
        )
        frequency = np.diff(self._bm25.scores["indptr"])
        # In Lucene's BM25, a term adds at most its IDF to a score.
        self._idf = np.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def score(self, terms: Sequence[int]) -> tuple[NDArray[np.float32], float]:
        """Return the scores of all documents, and the most these terms could score. Unknown terms add 0."""
        asked = np.array(terms, dtype=np.int64)
        columns = np.searchsorted(self._known, asked)
        inside = columns < len(self._known)
        columns = columns[inside][self._known[columns[inside]] == asked[inside]]
        if len(columns) == 0:
            return np.zeros(self._size, dtype=np.float32), 0.0
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(columns.tolist())
        return scores, float(self._idf[columns].sum())

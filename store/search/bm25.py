"""Finding passages by their words: BM25 over words and pairs of neighbouring words, held in memory."""

import logging
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG at import

# Scripts written without spaces between words, where each character counts as a word: Thai to Myanmar, Khmer,
# kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
# What makes an English sentence a question, and says nothing of its answer.
_ASKING = frozenset(
    ("what", "who", "whom", "whose", "why", "how", "where", "when", "which", "did", "do", "does")
)
_NONE = np.empty(0, dtype=np.int64)
_UNKNOWN = -1
# Chosen on FairytaleQA's training questions.
_K1 = 0.9
_B = 0.4
_PAIR_WEIGHT = 0.3


def words(text: str) -> list[str]:
    """The words of a text in any script, in order: case folded, without marks around them."""
    return _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold()))


class BM25Index:
    """The words of passages, indexed once and never changed. Scoring is thread-safe.

    English words are stemmed; those of other languages mostly stay as they are.
    """

    def __init__(self, texts: Mapping[int, str]) -> None:
        """Index texts by id; the ids ascend."""
        self._ids = np.array(list(texts), dtype=np.int64)
        stemmer = Stemmer.Stemmer("english")
        self._numbers: dict[str, int] = {}
        documents = [
            np.array(
                [
                    self._numbers.setdefault(stem, len(self._numbers))
                    for stem in stemmer.stemWords(words(text))
                ],
                dtype=np.int64,
            )
            for text in texts.values()
        ]
        self._words = _Terms(documents)
        self._pairs = _Terms([(document[:-1] << 32) | document[1:] for document in documents])

    def asked(self, question: str) -> "WordScores":
        """Score every passage by BM25, as a share of the most the question could score.

        A word that no passage has makes all shares smaller, as the rarest would that they lacked.
        """
        # A stemmer has a cache of its own and is no thread's but one's.
        stems = Stemmer.Stemmer("english").stemWords(
            [word for word in words(question) if word not in _ASKING]
        )
        numbers = [self._numbers.get(stem, _UNKNOWN) for stem in stems]
        pairs = [(left << 32) | right for left, right in pairwise(numbers) if _UNKNOWN not in (left, right)]
        word_scores, most_of_words = self._words.scores(numbers)
        pair_scores, most_of_pairs = self._pairs.scores(pairs)
        most = most_of_words + numbers.count(_UNKNOWN) * self._words.rarest + _PAIR_WEIGHT * most_of_pairs
        if most == 0:
            return WordScores(self._ids, np.zeros(len(self._ids), dtype=np.float32))
        shares = np.asarray((word_scores + _PAIR_WEIGHT * pair_scores) / most, dtype=np.float32)
        return WordScores(self._ids, shares)


@dataclass(frozen=True, slots=True)
class WordScores:
    """What a question's words say of every passage: ids, which ascend, and the scores beside them."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the score of each of these passages; one that is not in the index scores 0."""
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
        whole = k == len(self.scores)
        places = np.arange(k) if whole else np.argpartition(-self.scores, k - 1)[:k]
        places = places[np.argsort(-self.scores[places], kind="stable")]
        return self.ids[places], self.scores[places]


class _Terms:
    """BM25 over documents whose terms are numbers of any size."""

    def __init__(self, documents: Sequence[NDArray[np.int64]]) -> None:
        self._known, columns = np.unique(np.concatenate([*documents, _NONE]), return_inverse=True)
        self._size = len(documents)
        # The most that a term could add which no document has, were it in one.
        self.rarest = math.log(1 + (self._size + 0.5) / 0.5)
        if len(self._known) == 0:
            return  # bm25s cannot index nothing
        ends = np.cumsum([len(document) for document in documents])[:-1]
        self._bm25 = bm25s.BM25(k1=_K1, b=_B)
        self._bm25.scores = self._bm25.build_index_from_ids(
            list(range(len(self._known))),
            [document.tolist() for document in np.split(columns, ends)],
            show_progress=False,
        )
        frequency = np.diff(self._bm25.scores["indptr"])
        # No term of Lucene's BM25 adds more to a score than this.
        self._idf = np.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def scores(self, terms: Sequence[int]) -> tuple[NDArray[np.float32], float]:
        """Score every document, and the most that these terms could score; unknown ones are left out."""
        asked = np.array(terms, dtype=np.int64)
        columns = np.searchsorted(self._known, asked)
        inside = columns < len(self._known)
        columns = columns[inside][self._known[columns[inside]] == asked[inside]]
        if len(columns) == 0:
            return np.zeros(self._size, dtype=np.float32), 0.0
        scores: NDArray[np.float32] = self._bm25.get_scores_from_ids(columns.tolist())
        return scores, float(self._idf[columns].sum())

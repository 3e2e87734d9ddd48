"""The stems of words in any script, and texts as the numbers of their words."""

import unicodedata
from collections.abc import Iterable

import numpy as np
import Stemmer
from numpy.typing import NDArray

from store.search.words import folded, words

# English words that make a sentence a question, and say nothing of its answer.
_QUESTION_WORDS = frozenset(
    ("what", "who", "whom", "whose", "why", "how", "where", "when", "which", "did", "do", "does")
)


# The stemmer of a word, by its script. Words of other scripts stay as they are; Latin ones count as English.
_STEMMERS = {
    "ARABIC": "arabic",
    "ARMENIAN": "armenian",
    "CYRILLIC": "russian",
    "DEVANAGARI": "hindi",
    "GREEK": "greek",
    "LATIN": "english",
    "TAMIL": "tamil",
}


def asked_words(question: str) -> list[str]:
    """Return the words that a question is about, in order."""
    return [word for word in words(question) if word not in _QUESTION_WORDS]


class Stemming:
    """Gives the stems of words. It has a cache, so that no two threads may share one."""

    def __init__(self) -> None:
        self._stemmers: dict[str, Stemmer.Stemmer] = {}

    def stem(self, word: str) -> str:
        """Return the stem of a word, which is folded before, by the stemmer of its script."""
        plain = folded(word)
        script = "LATIN" if plain.isascii() else unicodedata.name(plain[0], "").partition(" ")[0]
        language = _STEMMERS.get(script)
        if language is None:
            return plain
        if script not in self._stemmers:
            self._stemmers[script] = Stemmer.Stemmer(language)
        return str(self._stemmers[script].stemWord(plain))


class StemmedTexts:
    """Texts as the numbers of their words' stems, one after the other: `terms`, int32 of shape (words,).

    `exact`, of the same shape, has the numbers of the words as they stand. `ends`, int64 of shape (texts,),
    says where each text ends; `vocabulary` has the number of each stem and word.
    """

    def __init__(self, texts: Iterable[str], vocabulary: dict[str, int] | None = None) -> None:
        """Split and stem all texts. New stems are added to the `vocabulary` that is given."""
        self.vocabulary: dict[str, int] = {} if vocabulary is None else vocabulary
        numbers = _Numbers(self.vocabulary)
        nothing = np.empty((0, 2), dtype=np.int32)
        parts = [
            np.array([numbers[word] for word in words(text)], dtype=np.int32).reshape(-1, 2) for text in texts
        ]
        both: NDArray[np.int32] = np.concatenate([*parts, nothing])
        self.terms: NDArray[np.int32] = np.ascontiguousarray(both[:, 0])
        self.exact: NDArray[np.int32] = np.ascontiguousarray(both[:, 1])
        self.ends: NDArray[np.int64] = np.cumsum([len(part) for part in parts], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of words of each text, of shape (texts,)."""
        return np.diff(self.ends, prepend=0)

    def joined(self, owners: NDArray[np.int32], count: int) -> "StemmedTexts":
        """Return `count` texts: each text is appended to the one whose number stands at its place."""
        lengths = self.lengths
        joined = StemmedTexts([], self.vocabulary)
        joined.terms, joined.exact = self.terms, self.exact
        if np.any(owners[1:] < owners[:-1]):
            order = np.argsort(np.repeat(owners, lengths), kind="stable")
            joined.terms, joined.exact = self.terms[order], self.exact[order]
        totals = np.bincount(owners, weights=lengths, minlength=count)
        joined.ends = np.cumsum(totals).astype(np.int64)
        return joined


class _Numbers(dict[str, tuple[int, int]]):
    """The numbers of each word's stem and of the word itself. A word is stemmed when it is first met."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._stemming = Stemming()

    def __missing__(self, word: str) -> tuple[int, int]:
        stem = self._vocabulary.setdefault(self._stemming.stem(word), len(self._vocabulary))
        numbers = self[word] = stem, self._vocabulary.setdefault(word, len(self._vocabulary))
        return numbers

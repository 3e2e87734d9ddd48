"""Words of texts in any script, and their stems as numbers."""

import re
import unicodedata
from collections.abc import Iterable

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


def words(text: str) -> list[str]:
    """Return the words of a text in any script, in order: case folded, without punctuation around them."""
    return _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold()))


def question_stems(question: str) -> list[str]:
    """Return the stems of the words that a question is about, in order."""
    # Stemmers have a cache, so that two threads must not share one.
    stemmer = Stemmer.Stemmer("english")
    return stemmer.stemWords([word for word in words(question) if word not in _QUESTION_WORDS])  # type: ignore[no-any-return]


class StemmedTexts:
    """Texts as the numbers of their words' stems, one after the other: `terms`, int32 of shape (words,).

    `ends`, int64 of shape (texts,), says where each text ends; `vocabulary` has the number of each stem.
    English words are stemmed; words of other languages mostly stay as they are.
    """

    def __init__(self, texts: Iterable[str], vocabulary: dict[str, int] | None = None) -> None:
        """Split and stem all texts. New stems are added to the `vocabulary` that is given."""
        self.vocabulary: dict[str, int] = {} if vocabulary is None else vocabulary
        numbers = _Numbers(self.vocabulary)
        parts = [np.array([numbers[word] for word in words(text)], dtype=np.int32) for text in texts]
        self.terms: NDArray[np.int32] = np.concatenate([*parts, np.empty(0, dtype=np.int32)])
        self.ends: NDArray[np.int64] = np.cumsum([len(part) for part in parts], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of words of each text, of shape (texts,)."""
        return np.diff(self.ends, prepend=0)

    def joined(self, owners: NDArray[np.int32], count: int) -> "StemmedTexts":
        """Return `count` texts: each text is appended to the one whose number stands at its place."""
        lengths = self.lengths
        joined = StemmedTexts([], self.vocabulary)
        joined.terms = self.terms
        if np.any(owners[1:] < owners[:-1]):
            joined.terms = self.terms[np.argsort(np.repeat(owners, lengths), kind="stable")]
        totals = np.bincount(owners, weights=lengths, minlength=count)
        joined.ends = np.cumsum(totals).astype(np.int64)
        return joined


class _Numbers(dict[str, int]):
    """The number of each word's stem. A word is stemmed when it is first met."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._stem = Stemmer.Stemmer("english").stemWord

    def __missing__(self, word: str) -> int:
        number = self[word] = self._vocabulary.setdefault(self._stem(word), len(self._vocabulary))
        return number

"""The stems of words in any language and script, and texts as the numbers of their words."""

import unicodedata
from collections.abc import Iterable
from itertools import repeat

import numpy as np
import Stemmer
from numpy.typing import NDArray

from store.search.stemmers import BY_SCRIPT, STEMMERS_OF_SCRIPTS, scripts_of
from store.search.vocabulary import Vocabulary
from store.search.words import folded, words

# English words that make a sentence a question, and say nothing of its answer.
_QUESTION_WORDS = frozenset(
    ("what", "who", "whom", "whose", "why", "how", "where", "when", "which", "did", "do", "does")
)


def asked_words(question: str) -> list[str]:
    """Return the words that a question is about, in order."""
    return [word for word in words(question) if word not in _QUESTION_WORDS]


class Stemming:
    """Gives the stems of words. It has a cache, so that no two threads may share one."""

    def __init__(self) -> None:
        self._stemmers: dict[str, Stemmer.Stemmer] = {}

    def stem(self, word: str, stemmer: str = BY_SCRIPT) -> str:
        """Return the folded stem of a word, by the stemmer of a language or, in other scripts, of its script.

        Stems of a language bear its stemmer's name: they are no other language's.
        """
        plain = folded(word)
        script = "LATIN" if plain.isascii() else unicodedata.name(plain[0], "").partition(" ")[0]
        if stemmer != BY_SCRIPT and script in scripts_of(stemmer):
            # Languages have endings with marks: the stemmer has to see them.
            return f"{stemmer}:{folded(self._stemmed(word, stemmer))}"
        by_script = STEMMERS_OF_SCRIPTS.get(script)
        return plain if by_script is None else self._stemmed(plain, by_script)

    def asked(self, word: str, stemmer: str, vocabulary: Vocabulary) -> set[int]:
        """Return the numbers of the stems under which a word that is asked for is found.

        With or without marks, what differs in these alone is the same word.
        """
        found = set(vocabulary.stems(self.stem(word, stemmer)))
        if stemmer != BY_SCRIPT and not word.isascii():
            found.update(vocabulary.stems(self.stem(folded(word), stemmer)))
        return found

    def _stemmed(self, word: str, stemmer: str) -> str:
        if stemmer not in self._stemmers:
            self._stemmers[stemmer] = Stemmer.Stemmer(stemmer)
        return str(self._stemmers[stemmer].stemWord(word))


class StemmedTexts:
    """Texts as the numbers of their words' stems, one after the other: `terms`, int32 of shape (words,).

    `exact`, of the same shape, has the numbers of the words as they stand. `ends`, int64 of shape (texts,),
    says where each text ends; `vocabulary` has the number of each stem and word.
    """

    def __init__(
        self,
        texts: Iterable[str],
        vocabulary: Vocabulary | None = None,
        stemmers: Iterable[str] | None = None,
    ) -> None:
        """Split and stem all texts, each by the stemmer at its place; all by script if none are given.

        New stems are added to the `vocabulary` that is given.
        """
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        numbers: dict[str, _Numbers] = {}
        parts = [np.empty((0, 2), dtype=np.int32)]
        ends: list[int] = []
        # One text at a time: there may be more than there is memory.
        for text, stemmer in zip(texts, repeat(BY_SCRIPT) if stemmers is None else stemmers, strict=False):
            if stemmer not in numbers:
                self.vocabulary.add_stemmer(stemmer)
                numbers[stemmer] = _Numbers(self.vocabulary, stemmer)
            known = numbers[stemmer]
            parts.append(np.array([known[word] for word in words(text)], dtype=np.int32).reshape(-1, 2))
            ends.append(len(parts[-1]))
        both: NDArray[np.int32] = np.concatenate(parts)
        self.terms: NDArray[np.int32] = np.ascontiguousarray(both[:, 0])
        self.exact: NDArray[np.int32] = np.ascontiguousarray(both[:, 1])
        self.ends: NDArray[np.int64] = np.cumsum(ends, dtype=np.int64)

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

    def __init__(self, vocabulary: Vocabulary, stemmer: str) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._stemmer = stemmer
        self._stemming = Stemming()

    def __missing__(self, word: str) -> tuple[int, int]:
        stem = self._stemming.stem(word, self._stemmer)
        number = self._vocabulary.add(stem)
        if self._stemmer != BY_SCRIPT and not word.isascii():
            typed = self._stemming.stem(folded(word), self._stemmer)
            if typed != stem:
                self._vocabulary.add_typed(typed, number)
        numbers = self[word] = number, self._vocabulary.add(word)
        return numbers

"""Counts the tokens of many slices of a book, each word of which is read once."""

import re
import unicodedata
from collections.abc import Callable

from tokenizers import Tokenizer

# How vocabularies write a space: as it is, as SentencePiece does, as byte-level BPE does.
_ACROSS_A_SPACE = re.compile("[^ ][ ]|[^▁\\s]▁|[^ĠĊĉč]Ġ")
# Longer ones, such as the lines of scripts without spaces, hardly come twice.
_LONGEST_WORD = 64


class TokenCounting:
    """Counts by one tokenizer. It is thread-safe; what `counter` gives is for one thread."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._by_words = _reads_words_apart(tokenizer)

    def count(self, text: str) -> int:
        """Return how many tokens a text has, without those that a tokenizer sets around it."""
        [read] = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return len(read)

    def counter(self) -> Callable[[str], int]:
        """Return what gives the same as `count`, and remembers the words of the slices of one book."""
        return _WordCounts(self.count) if self._by_words else self.count


def _reads_words_apart(tokenizer: Tokenizer) -> bool:
    """Whether no token begins in one word and ends in the next: then the tokens of words add up."""
    added = tokenizer.get_added_tokens_decoder().values()
    if any(not token.special and (token.lstrip or token.rstrip) for token in added):
        return False
    return not any(map(_ACROSS_A_SPACE.search, tokenizer.get_vocab(with_added_tokens=True)))


class _WordCounts:
    """Counts by words, where single spaces part them."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._first = _Counts(count)
        before = count("a")
        self._later = _Counts(lambda word: count(f"a {word}") - before)

    def __call__(self, text: str) -> int:
        first, *later = text.split(" ")
        try:
            return self._first[first] + sum(map(self._later.__getitem__, later))
        except _NotAloneError:
            return self._count(text)


class _NotAloneError(Exception):
    """A tokenizer may read a word together with the space or the word beside it."""


class _Counts(dict[str, int]):
    """The tokens of each word, which is counted when it is first met."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, word: str) -> int:
        if not word or not _stands_alone(word[0]) or not _stands_alone(word[-1]):
            raise _NotAloneError()
        found = self._count(word)
        if len(word) <= _LONGEST_WORD:
            self[word] = found
        return found


def _stands_alone(character: str) -> bool:
    """Whether no normalisation makes a space of a character, removes it, or joins it to its neighbour."""
    if character.isascii():
        return character.isprintable()
    plain = unicodedata.normalize("NFKC", character)
    return unicodedata.category(character)[0] in "LNPS" and not any(map(str.isspace, plain))

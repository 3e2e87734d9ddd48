# ruff: noqa: RUF001 - quotation marks of many languages
"""Joins drop caps, the large first letters of chapters, to their words."""

from collections.abc import Mapping, Sequence

from app.parsing.pdf.words import Word

_LARGER = 1.6
_CAP_HEIGHT = 0.75
_MOST_LETTERS = 2
# How far the lines beside it may be, as shares of their type size.
_NEAR, _OVER = 1.6, 0.4
# The first of these lines may stand higher than the cap by so much of its type size.
_HIGHER = 0.5
# Letters that are words, though the document may have them nowhere else.
_WORDS = frozenset("aiàyя")
_QUOTES = "\"'“”‘’«»„‚¿¡‹›—–-"


def settle_drop_caps(words: Sequence[Word], size: float, counts: Mapping[str, int]) -> None:
    """Move each drop cap to the start of the first line beside it, and mark the lines beside it.

    `size` is the document's usual type size in points, `counts` says how often it has each word, in small
    letters: they tell the word `A` from the first letter of `And`.
    """
    for cap in words:
        letters = cap.text.strip(_QUOTES)
        if cap.size < _LARGER * size or not (letters.isalpha() and len(letters) <= _MOST_LETTERS):
            continue
        beside = [word for word in words if _is_beside(word, cap)]
        beside = [word for word in beside if not _has_before(words, word, cap)]
        if not beside:
            continue
        first = max(beside, key=lambda word: word.base)
        line_first = min((word for word in beside if word.base == first.base), key=lambda word: word.left)
        rest = line_first.text.rstrip(".,;:!?\"'”’»…").casefold()
        letters = letters.casefold()
        is_word = counts.get(letters, 0) > 1 or letters in _WORDS
        alone = is_word and counts.get(rest, 0) > 1
        line_first.glued = not alone or counts.get(letters + rest, 0) > 0
        for word in beside:
            word.beside_cap = True
        cap.base, cap.size = line_first.base, line_first.size
        cap.right = line_first.left - (0 if line_first.glued else 0.3 * line_first.size)


def _has_before(words: Sequence[Word], word: Word, cap: Word) -> bool:
    """Whether a word has others before it in its line, besides the drop cap."""
    return any(
        abs(other.base - word.base) < 0.15 * word.size
        and cap.left - word.size <= other.left < word.left
        and other is not cap
        for other in words
    )


def _is_beside(word: Word, cap: Word) -> bool:
    """Whether a word begins a line that stands right beside a drop cap."""
    if word is cap or word.size * _LARGER > cap.size * 1.05:
        return False
    highest = cap.base + _CAP_HEIGHT * cap.size + _HIGHER * word.size
    within = cap.base - 0.3 * word.size <= word.base <= highest
    return within and -_OVER * word.size <= word.left - cap.right <= _NEAR * word.size

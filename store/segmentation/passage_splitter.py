"""Cuts chapters into passages of a bounded number of tokens."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from store.segmentation.sentence_splitter import sentences
from store.segmentation.spans import ChapterSpan, PassageSpan, Span

_WORD = re.compile(r"\S+")
_JOINER = "\u200d"


class TooManyPassagesError(ValueError):
    """A text has more passages than are allowed, `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The text has more than {most:,} passages.")
        self.most = most


def passages(
    text: str,
    chapters: Sequence[ChapterSpan],
    count_tokens: Callable[[str], int],
    max_tokens: int = 160,
    language: str | None = None,
    most: int | None = None,
) -> list[PassageSpan]:
    """Cut chapters into passages of at most `max_tokens`, of whole sentences where that is possible.

    A longer sentence is cut between words, a longer word between characters; only a single character may
    exceed the limit. Passages keep the text's order, never cross chapters, have no white space at either end,
    and leave nothing of a chapter out but white space. `count_tokens` is called with slices of the text;
    `language` is as for `sentences`. TooManyPassagesError: there are more than `most`. ValueError:
    `max_tokens` is less than 1.
    """
    if max_tokens < 1:
        raise ValueError(f"A passage has at least one token, not {max_tokens}.")

    def fits(start: int, end: int) -> bool:
        return count_tokens(text[start:end]) <= max_tokens

    found = []
    for ordinal, chapter in enumerate(chapters):
        pieces = list(_pieces(text, chapter.start, chapter.end, language, fits))
        first, more = 0, 1
        while first < len(pieces):
            last = _last_that_fits(pieces, first, more, fits)
            found.append(PassageSpan(ordinal, pieces[first][0], pieces[last][1]))
            if most is not None and len(found) > most:
                raise TooManyPassagesError(most)
            first, more = last + 1, max(1, last - first)
    return found


def _pieces(
    text: str, start: int, end: int, language: str | None, fits: Callable[[int, int], bool]
) -> Iterator[Span]:
    """Yield the pieces that passages are built from: sentences; words and characters where these are long."""
    for sentence in sentences(text, start, end, language):
        if fits(*sentence):
            yield sentence
            continue
        for word in _WORD.finditer(text, *sentence):
            # One letter cannot be cut: where a text is made of such words, counting them is most of the work.
            if word.end() - word.start() == 1 or fits(*word.span()):
                yield word.span()
            else:
                yield from _characters(text, *word.span())


def _characters(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the characters of a word as readers see them: with their accents and joined signs."""
    begin = start
    for place in range(start + 1, end):
        joined = text[place] == _JOINER or text[place - 1] == _JOINER
        if not joined and not unicodedata.category(text[place]).startswith("M"):
            yield begin, place
            begin = place
    yield begin, end


def _last_that_fits(pieces: Sequence[Span], first: int, more: int, fits: Callable[[int, int], bool]) -> int:
    """Return the last piece that fits in one passage with `first`, with few calls of `fits`.

    Counting tokens is slow: it begins `more` pieces further on, where the passage before ended, goes up or
    down in steps that double, and then halves what is left.
    """

    def together(last: int) -> bool:
        return fits(pieces[first][0], pieces[last][1])

    # The passage goes on to `low` for certain, and not to `high`.
    low, high = first, len(pieces)
    probe, step = first + more, 1
    while low < probe < high:
        if together(probe):
            low = probe
            if high < len(pieces):
                break
            probe += step
        else:
            high = probe
            if low > first:
                break
            probe -= step
        step *= 2
    while high - low > 1:
        probe = (low + high) // 2
        if together(probe):
            low = probe
        else:
            high = probe
    return low

"""Cuts chapters into passages of a bounded number of tokens."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from store.segmentation.sentence_splitter import sentences
from store.segmentation.spans import ChapterSpan, PassageSpan, Span

_WORD = re.compile(r"\S+")
_JOINER = "\u200d"


def passages(
    text: str,
    chapters: Sequence[ChapterSpan],
    count_tokens: Callable[[str], int],
    max_tokens: int = 160,
    language: str | None = None,
) -> list[PassageSpan]:
    """Cut chapters into passages of at most `max_tokens`, of whole sentences where that is possible.

    A longer sentence is cut between words, a longer word between characters; only a single character may
    exceed the limit. Passages keep the text's order, never cross chapters, have no white space at either end,
    and leave nothing of a chapter out but white space. `count_tokens` is called with slices of the text;
    `language` is as for `sentences`. ValueError: `max_tokens` is less than 1.
    """
    if max_tokens < 1:
        raise ValueError(f"A passage has at least one token, not {max_tokens}.")

    def fits(start: int, end: int) -> bool:
        return count_tokens(text[start:end]) <= max_tokens

    found = []
    for ordinal, chapter in enumerate(chapters):
        pieces = list(_pieces(text, chapter.start, chapter.end, language, fits))
        first = 0
        while first < len(pieces):
            last = _last_that_fits(pieces, first, fits)
            found.append(PassageSpan(ordinal, pieces[first][0], pieces[last][1]))
            first = last + 1
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
            if fits(*word.span()):
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


def _last_that_fits(pieces: Sequence[Span], first: int, fits: Callable[[int, int], bool]) -> int:
    """Return the last piece that fits in one passage with `first`, with few calls of `fits`."""
    # Counting tokens is slow: double the step while the pieces fit, then halve it.
    last, step = first, 1
    growing = True
    while step:
        if last + step < len(pieces) and fits(pieces[first][0], pieces[last + step][1]):
            last += step
            step = step * 2 if growing else step // 2
        else:
            growing = False
            step //= 2
    return last

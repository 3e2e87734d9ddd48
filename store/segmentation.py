# ruff: noqa: RUF001 - the punctuation of many languages
"""Spans of a text, in characters: chapters and pages as handed in, sentences and passages as found."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from store.abbreviations import ABBREVIATIONS, LETTERS, ORDINALS

Matter = Literal["front", "body", "back"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ChapterSpan:
    """A chapter's title and its `text[start:end]`, which begins after the heading.

    `matter` says whether it is the book itself or what stands before and behind it (a title page, an index);
    `anchor` where it is in the file it came from.
    """

    title: str
    start: int
    end: int
    matter: Matter = "body"
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A page's label as printed, and where in the text it begins; it ends where the next one begins."""

    label: str
    start: int


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """`text[start:end]`, within the chapter of this ordinal (counted from 0)."""

    chapter: int
    start: int
    end: int


_ENDS = ".!?…。！？｡।॥؟۔։።"
_FULL_WIDTH = "。！？｡"
_CLOSERS = "\"'”’»›)\\]）」』】〉》"
# A sentence ends at a blank line, at a full stop that needs no space after it, or at one followed by a space.
# “ and « open where they stand before a word, and close right behind a sign; » may stand apart from it.
# Every alternative can start only once in a run of the same signs, so that no text takes quadratic time.
_SENTENCE_END = re.compile(
    rf"\n[^\S\n]*\n|[{_FULL_WIDTH}]+[{_CLOSERS}]*"
    rf"|(?<![{_ENDS}])[{_ENDS}]++[{_CLOSERS}“«]*+(?:[ \u00a0\u202f]»)?(?=\s|\Z)",
)
# A point after one of these, or after a lone initial, ends nothing.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|St|Prof|Rev|Capt|Col|Gen|Sr|Jr|vs|cf|e\.g|i\.e|[A-HJ-Z])\.$"
)
# What follows, a dash before it aside.
_FOLLOWING = re.compile(r"\s*(?:[-–—]\s*)?(\S)")
_LAST_WORD = re.compile(r"[\w.-]*\w$")
_DOTTED = re.compile(r"\w(?:\.-?\w)+")
# "No. 5", "Fig. 3", but not "He left home. 12 men followed."
_LONGEST_BEFORE_NUMBER = 3
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

    A sentence that is longer is cut between words, a word that is longer between characters; only a single
    character may exceed the limit. Passages keep the text's order, never cross chapters, have no white space
    at either end, and leave nothing of a chapter out but white space. `count_tokens` is called with slices
    of the text; `language` is as for `sentences`. ValueError: `max_tokens` is less than 1.
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


def sentences(
    text: str, start: int = 0, end: int | None = None, language: str | None = None
) -> Iterator[Span]:
    """Yield the spans of the sentences in `text[start:end]`, without white space at their ends.

    With the `language`, a BCP 47 tag, what is said stays with who says it ("“Why?” he asked."), and a
    language's abbreviations and numbers end nothing.
    """
    end = len(text) if end is None else end
    primary = (language or "").split("-")[0].lower()
    begin = start
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.end()
        sign = match.group().strip()
        if sign == "." and _ABBREVIATION.search(text[max(begin, stop - 8) : stop]):
            continue
        if primary and sign and sign[0] not in _FULL_WIDTH and _goes_on(text, begin, match, end, primary):
            continue
        yield from _trimmed(text, begin, stop)
        begin = stop
    yield from _trimmed(text, begin, end)


def _goes_on(text: str, begin: int, match: re.Match[str], end: int, language: str) -> bool:
    """Whether a sentence goes on behind this sign, by what stands before it and what follows."""
    following = _FOLLOWING.match(text, match.end(), end)
    first = following[1] if following else ""
    if first.islower():
        return True
    before = _LAST_WORD.search(text[max(begin, match.start() - 16) : match.start()])
    if match.group() != "." or before is None:
        return False
    word = before[0]
    if first.isdecimal():
        return len(word) <= _LONGEST_BEFORE_NUMBER and word.isalpha()
    return (
        (len(word) == 1 and word.isalpha() and word not in LETTERS)
        or word.casefold() in ABBREVIATIONS.get(language, ())
        or (language in ORDINALS and word.isdecimal() and len(word) <= 2)
        or bool(_DOTTED.fullmatch(word))
    )


def _pieces(
    text: str, start: int, end: int, language: str | None, fits: Callable[[int, int], bool]
) -> Iterator[Span]:
    """Yield what passages are made of: sentences, and words and characters where those are too long."""
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
    """Return the last piece that fits in one passage with `first`, asking as seldom as a search can."""
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


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    body = piece.strip()
    if body:
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(body)

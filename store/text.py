# ruff: noqa: RUF001 - the punctuation of many languages
"""Where a text's chapters, sentences and passages begin and end, as offsets in characters."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["txt", "md"]
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


@dataclass(frozen=True, slots=True)
class _Heading:
    title: str
    start: int
    end: int


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_REST_OF_LINE = re.compile(r"\S[^\r\n]*")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HASHES = re.compile(r" {0,3}#{1,3}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_WORDS = "chapter|chapitre|kapitel|cap[íi]tulo|capitolo|hoofdstuk|rozdzia[łl]|глава|book|part|letter"
_NUMBER = (
    r"\d{1,4}|[ivxlcdm]{1,9}|(?:the )?(?:first|last)|"
    r"(?:(?:twenty|thirty|forty|fifty)-?)?(?:one|two|three|four|five|six|seven|eight|nine)|ten|eleven|twelve|"
    r"thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
)
_NUMBERED = re.compile(
    rf"\s*(?P<number>(?:{_WORDS})\s+(?:{_NUMBER}))(?![\w'’])"
    r"(?:\s*(?P<mark>[.:—–-]+)\s*|\s+|$)(?P<title>.*?)\s*$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\s*(?:prologue|epilogue|preface|foreword|introduction|afterword)[.:]?\s*$", re.IGNORECASE
)
_CHINESE = re.compile(r"\s*第\s*[\d〇零一二三四五六七八九十百千两]+\s*[章回节節](?:$|[\s：:、].*$)")
_LONGEST_HEADING = 120

_ENDS = ".!?…。！？｡।॥؟۔։።"
_CLOSERS = "\"'”’»›)\\]）」』】〉》"
# A sentence ends at a blank line, at a full stop that needs no space after it, or at one followed by a space.
# Every alternative can start only once in a run of the same signs, so that no text takes quadratic time.
_SENTENCE_END = re.compile(
    rf"\n[^\S\n]*\n|[。！？｡]+[{_CLOSERS}]*|(?<![{_ENDS}])[{_ENDS}]++[{_CLOSERS}]*+(?=\s)",
)
# A point after one of these, or after a lone initial, ends nothing.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|St|Prof|Rev|Capt|Col|Gen|Sr|Jr|vs|cf|e\.g|i\.e|[A-HJ-Z])\.$"
)
_WORD = re.compile(r"\S+")
_JOINER = "\u200d"


def chapters(text: str, format: Format) -> list[ChapterSpan]:  # noqa: A002 - the word users know
    """Find a text's chapters by their heading lines.

    In "md" a heading is a line of one to three `#`; in "txt", and in "md" that has none, it is a line such
    as `CHAPTER IV` or `Chapter 1. Title`. Text before the first heading is a chapter without a title, and so
    is a text without headings. A heading with nothing under it (a line of a table of contents) is left out.
    """
    headings = (list(_hash_headings(text)) if format == "md" else []) or list(_line_headings(text))
    starts = [_Heading("", 0, 0), *headings]
    stops = [heading.start for heading in headings] + [len(text)]
    spans = [
        ChapterSpan(heading.title, heading.end, stop) for heading, stop in zip(starts, stops, strict=True)
    ]
    return [span for span in spans if not _blank(text, span.start, span.end)] or [
        ChapterSpan("", 0, len(text))
    ]


def passages(
    text: str, chapters: Sequence[ChapterSpan], count_tokens: Callable[[str], int], max_tokens: int = 160
) -> list[PassageSpan]:
    """Cut chapters into passages of at most `max_tokens`, of whole sentences where that is possible.

    A sentence that is longer is cut between words, a word that is longer between characters; only a single
    character may exceed the limit. Passages keep the text's order, never cross chapters, have no white space
    at either end, and leave nothing of a chapter out but white space. `count_tokens` is called with slices
    of the text. ValueError: `max_tokens` is less than 1.
    """
    if max_tokens < 1:
        raise ValueError(f"A passage has at least one token, not {max_tokens}.")

    def fits(start: int, end: int) -> bool:
        return count_tokens(text[start:end]) <= max_tokens

    found = []
    for ordinal, chapter in enumerate(chapters):
        pieces = list(_pieces(text, chapter.start, chapter.end, fits))
        first = 0
        while first < len(pieces):
            last = _last_that_fits(pieces, first, fits)
            found.append(PassageSpan(ordinal, pieces[first][0], pieces[last][1]))
            first = last + 1
    return found


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """Yield the spans of the sentences in `text[start:end]`, without white space at their ends."""
    end = len(text) if end is None else end
    begin = start
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.end()
        if match.group().strip() == "." and _ABBREVIATION.search(text[max(begin, stop - 8) : stop]):
            continue
        yield from _trimmed(text, begin, stop)
        begin = stop
    yield from _trimmed(text, begin, end)


def _hash_headings(text: str) -> Iterator[_Heading]:
    fence = None
    for line in _LINE.finditer(text):
        mark = _FENCE.match(line.group())
        if mark and fence in (None, mark[1]):
            fence = None if fence else mark[1]
        elif fence is None and (
            heading := _HASHES.match(line.group()[: _LONGEST_HEADING + 2].rstrip("\r\n"))
        ):
            yield _Heading(heading[1].strip(), line.start(), line.end())


def _line_headings(text: str) -> Iterator[_Heading]:
    lines = [(match.start(), match.end()) for match in _LINE.finditer(text)]
    opens = True  # the text's start, a blank line or another heading stands before a heading
    skip = False
    for (start, end), following in zip(lines, [*lines[1:], None], strict=True):
        line = text[start:end].strip()
        if skip:
            skip, opens = False, True
        elif opens and _is_heading(line):
            if following and (subtitle := _subtitle(text, line, following)):
                skip = True
                yield _Heading(f"{line.rstrip('.:')}. {subtitle}", start, following[1])
            else:
                yield _Heading(line, start, end)
        else:
            opens = not line


def _is_heading(line: str) -> bool:
    if not line or len(line) > _LONGEST_HEADING:
        return False
    if _NAMED.match(line) or _CHINESE.match(line):
        return True
    match = _NUMBERED.match(line)
    if match is None:
        return False
    title = match["title"]
    # "Part one of the plan was ready," opens a paragraph; "Part One The Plan" is a heading.
    return not title or bool(match["mark"]) or (not title[0].islower() and title[-1] not in ".,;:")


def _subtitle(text: str, heading: str, following: Span) -> str:
    """Return the short line right under a bare `CHAPTER I`, set apart from the text below it; or nothing."""
    match = _NUMBERED.match(heading)
    line = text[slice(*following)].strip()
    below = _LINE.match(text, following[1])
    apart = below is None or not below.group().strip()
    if match is None or match["title"] or not apart or len(line) > 80 or line.endswith((".", ",", ";", ":")):
        return ""
    # With nothing below it before the next heading, the line is the chapter's text and not its title.
    rest = _REST_OF_LINE.search(text, following[1])
    if rest is None or _is_heading(line) or _is_heading(rest.group().strip()):
        return ""
    return line


def _pieces(text: str, start: int, end: int, fits: Callable[[int, int], bool]) -> Iterator[Span]:
    """Yield what passages are made of: sentences, and words and characters where those are too long."""
    for sentence in sentences(text, start, end):
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


def _blank(text: str, start: int, end: int) -> bool:
    return not text[start:end].strip()

# ruff: noqa: RUF001 - headings of many languages
"""Finds the heading lines of plain text and Markdown."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from app.parsing.text import chapter_marks
from app.parsing.text.chapter_marks import ChapterMark
from app.parsing.text.numerals import numeral_headings
from app.parsing.text.part_names import IN_ONE_WORD, NAMED, NUMBER_FIRST, PART_FIRST
from app.parsing.text.table_of_contents import without_listed
from store.segmentation import ChapterSpan

TextFormat = Literal["txt", "md"]
Span = tuple[int, int]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_REST_OF_LINE = re.compile(r"\S[^\r\n]*")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HASHES = re.compile(r" {0,3}(#{1,3})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(={2,}|-{2,})[ \t]*$")
# Lines that are no words of a paragraph: quotes, items of lists, rules, indented code.
_NO_WORDS = re.compile(r" {0,3}(?:[>|]|[-*+][ \t]|\d{1,9}[.)][ \t]|[-=_*]{2,}[ \t]*$)| {4}|\t")
_NUMBERED = re.compile(
    rf"\s*(?P<number>(?:{PART_FIRST}|{NUMBER_FIRST})(?:,\s*(?:{PART_FIRST}|{NUMBER_FIRST}))?)"
    r"(?![\w'’])(?:\s*(?P<mark>[.:—–-]+)\s*|\s+|$)(?P<title>.*?)\s*$",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\s*(?:{NAMED})[.:]?\s*$", re.IGNORECASE)
_IN_ONE_WORD = re.compile(rf"\s*(?:{IN_ONE_WORD})(?:$|[\s：:、.].*$)")
# Signs around a heading: `_CHAPTER I_`, `*** CHAPTER 1 ***`, `[CHAPTER 1]`.
_FRAMED = re.compile(r"([_*=~<\[|—–-]+)\s*(\w.*?)\s*[_*=~>\]|—–-]+")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？][\"'”’»」』)\]]*$")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_LONGEST_HEADING = 120


def chapters(text: str, format: TextFormat) -> list[ChapterSpan]:  # noqa: A002 - the word users know
    """Find a text's chapters by their heading lines.

    In "md" a heading is a line that begins with one to three `#`, or is underlined by `==` or `--`; in "txt",
    and in "md" without such lines, it is a line like `CHAPTER IV`, `Chapter 1. Title`, `SCENE II. A quay.` or
    `Erster Akt`; where none of these has a number, Roman numerals on lines of their own. What a table of
    contents lists is none.
    """
    marks = find_headings(text, format)
    if not any(map(_number, marks)) and not (format == "md" and marks):
        # Of numerals alone, those within a chapter are none of their own.
        marks = sorted([*marks, *numeral_headings(text)], key=lambda mark: mark.start)
    return chapter_marks.chapters_from_marks(text, without_listed(text, marks, _number))


def find_headings(text: str, format: TextFormat) -> list[ChapterMark]:  # noqa: A002
    """Find a text's heading lines, by the rules of `chapters`."""
    marked = [mark for _, mark in markdown_headings(text)] if format == "md" else []
    return marked or list(_line_headings(text))


def heading_title(lines: Sequence[str]) -> str:
    """Return the title in the lines of one heading: `CHAPTER I` and `The Fox` make `CHAPTER I. The Fox`."""
    first, *rest = [" ".join(line.split()) for line in lines if line.strip()] or [""]
    if rest and (match := _NUMBERED.match(first)) and not match["title"]:
        first = first.rstrip(".:") + "."
    return " ".join([first, *rest])


def markdown_headings(text: str) -> Iterator[tuple[int, ChapterMark]]:
    """Yield the headings of Markdown, of the levels 1 to 3, each with its level; a fence has none."""
    fence = None
    alone: re.Match[str] | None = None  # the line before, if it is the only one of its paragraph
    opens = True
    for line in _LINE.finditer(text):
        words = line.group()[: _LONGEST_HEADING + 2].rstrip("\r\n")
        mark = _FENCE.match(words)
        under = _UNDERLINE.match(words) if alone else None
        if mark and fence in (None, mark[1]):
            fence = None if fence else mark[1]
        elif fence is None and (heading := _HASHES.match(words)):
            yield len(heading[1]), ChapterMark(heading[2].strip(), line.start(), line.end())
        elif fence is None and alone and under:
            title = alone.group().strip()[:_LONGEST_HEADING]
            yield 1 if under[1][0] == "=" else 2, ChapterMark(title, alone.start(), line.end())
        is_paragraph = fence is None and opens and words.strip() and not mark and not _NO_WORDS.match(words)
        alone = line if is_paragraph else None
        opens = not words.strip()


def _number(mark: ChapterMark) -> str:
    """What numbers a heading, `chapter iv`; "" where nothing does."""
    match = _NUMBERED.match(mark.title)
    return " ".join(match["number"].casefold().split()) if match else ""


def _line_headings(text: str) -> Iterator[ChapterMark]:
    lines = [(match.start(), match.end()) for match in _LINE.finditer(text)]
    without_blanks = _BLANK_LINE.search(text.replace("\r", "")) is None
    # A heading follows the start of the text or of a page, a blank line or another heading; where no line
    # is blank, a sentence's end.
    opens = True
    skip = False
    for (start, end), following in zip(lines, [*lines[1:], None], strict=True):
        line = text[start:end].strip()
        framed = _FRAMED.fullmatch(line) if len(line) <= _LONGEST_HEADING else None
        line = framed[2] if framed else line
        opens = opens or text.startswith("\f", start)
        if skip:
            skip, opens = False, True
        elif opens and _is_heading(line):
            if following and (subtitle := _subtitle(text, line, following)):
                skip = True
                yield ChapterMark(heading_title([line, subtitle]), start, following[1])
            else:
                yield ChapterMark(line, start, end)
        else:
            opens = (
                not line
                or text[start:end].rstrip("\r\n").endswith("\f")
                or (without_blanks and bool(_ENDS_SENTENCE.search(line)))
            )


def _is_heading(line: str) -> bool:
    if not line or len(line) > _LONGEST_HEADING:
        return False
    if _NAMED.match(line) or _IN_ONE_WORD.match(line):
        return True
    match = _NUMBERED.match(line)
    if match is None:
        return False
    title = match["title"]
    # "Part one of the plan was ready," opens a paragraph; "Part One The Plan" is a heading.
    return not title or bool(match["mark"]) or (not title[0].islower() and title[-1] not in ".,;:")


def _subtitle(text: str, heading: str, following: Span) -> str:
    """Return the subtitle: a short line right under a bare `CHAPTER I` and above a blank line; or ""."""
    match = _NUMBERED.match(heading)
    line = text[slice(*following)].strip()
    below = _LINE.match(text, following[1])
    before_blank = below is None or not below.group().strip()
    if (
        match is None
        or match["title"]
        or not before_blank
        or len(line) > 80
        or line.endswith((".", ",", ";", ":"))
    ):
        return ""
    # A line that is followed by the next heading is the text of the chapter, not its title.
    rest = _REST_OF_LINE.search(text, following[1])
    if rest is None or _is_heading(line) or _is_heading(rest.group().strip()):
        return ""
    return line

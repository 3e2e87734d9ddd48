# ruff: noqa: RUF001 - the punctuation of many languages
"""Joins the lines of a PDF's pages to paragraphs."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.parsing.pdf.layout import Layout
from app.parsing.pdf.lines import Line

_ENDED = re.compile(r"[.!?…:。！？][\"'”’»)\]」』]*$")
_BULLET = re.compile(r"[•◦▪‣∙·–—*-] ")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)[-‐\xad]$")
_LEADERS = re.compile(r"… \w+$")
_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")
_CJK = re.compile(r"[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line, the number of its page (from 0), and its span in the text."""

    line: Line
    page: int
    start: int
    end: int


def join_lines(pages: Sequence[Sequence[Line]]) -> tuple[str, list[PlacedLine], list[int]]:
    """Join lines to paragraphs; return the text, the lines with their spans, and where each page begins.

    Paragraphs are separated by blank lines. A word that is hyphenated at the end of a line is put together,
    unless the document more often has it with the hyphen inside a line.
    """
    layout = Layout(pages)
    word_counts = Counter(
        word.casefold() for lines in pages for line in lines for word in _WORD.findall(line.text)
    )
    pieces: list[str] = []
    length = 0
    placed: list[PlacedLine] = []
    starts: list[int] = []
    before: PlacedLine | None = None
    for number, lines in enumerate(pages):
        first = True
        for line in lines:
            if before is not None:
                between, dropped = _between(before, line, number, layout, word_counts)
                if dropped:
                    pieces[-1] = pieces[-1][:-dropped]
                    length -= dropped
                pieces.append(between)
                length += len(between)
            if first:
                starts.append(length)
                first = False
            before = PlacedLine(line, number, length, length + len(line.text))
            placed.append(before)
            pieces.append(line.text)
            length += len(line.text)
        if first:
            starts.append(length)
    return "".join(pieces), placed, starts


def _between(
    before: PlacedLine, line: Line, page: int, layout: Layout, word_counts: Counter[str]
) -> tuple[str, int]:
    """Return the text between two lines, and how many characters to remove at the end of the first."""
    last = before.line
    new_column = page != before.page or last.base - line.base < -0.5 * last.size
    if _ends_paragraph(last, line, new_column, layout):
        return "\n\n", 0
    if broken := _BROKEN_WORD.search(last.text):
        rest = _WORD.match(line.text)
        if rest and rest[0][0].islower():
            halves = f"{broken[1]}-{rest[0]}".casefold()
            kept = word_counts[halves] > word_counts[halves.replace("-", "")]
            return "", 0 if kept else 1
    if (
        _BULLET.match(line.text)
        or _LEADERS.search(last.text)
        or (layout.is_verse(last) and layout.is_verse(line))
        or (not new_column and (layout.has_room(last, line) or layout.are_table_rows(last, line)))
    ):
        return "\n", 0
    if _CJK.match(last.text[-1]) and _CJK.match(line.text[0]):
        return "", 0
    return " ", 0


def _ends_paragraph(last: Line, line: Line, new_column: bool, layout: Layout) -> bool:
    size = max(last.size, 1.0)
    if abs(line.size - last.size) > 0.08 * size:
        return True
    ended = bool(_ENDED.search(last.text))
    short = layout.has_room(last, line)
    if new_column:
        # A sentence may continue on the next page or column.
        return ended or (short and not line.text[0].islower() and not _BROKEN_WORD.search(last.text))
    drop = last.base - line.base
    if drop <= 0.5 * size:  # the same line, in pieces
        return False
    if drop > 1.3 * layout.pitch and drop > 1.3 * size:
        return True
    indented = 0.8 * size < line.left - last.left < 6 * size
    return ended and (indented or short)

# ruff: noqa: RUF001 - the punctuation of many languages
"""From the lines of a PDF's pages to paragraphs."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.parsing.pdf.lines import Line
from app.parsing.pdf.measures import Usual

_ENDED = re.compile(r"[.!?…:。！？][\"'”’»)\]」』]*$")
_BULLET = re.compile(r"[•◦▪‣∙·–—*-] ")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)[-‐\xad]$")
_LED = re.compile(r"… \w+$")
_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")
_CJK = re.compile(r"[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Placed:
    """A line, the page it is on, and where its words are in the text."""

    line: Line
    page: int
    start: int
    end: int


def joined(pages: Sequence[Sequence[Line]]) -> tuple[str, list[Placed], list[int]]:
    """Return the text of all lines as paragraphs parted by blank lines, where each line is in it, and where
    each page begins.

    A word that a hyphen parts at a line's end is put together, unless the document has it with the hyphen
    inside a line.
    """
    usual = Usual(pages)
    known = Counter(word.casefold() for lines in pages for line in lines for word in _WORD.findall(line.text))
    pieces: list[str] = []
    length = 0
    placed: list[Placed] = []
    starts: list[int] = []
    before: Placed | None = None
    for number, lines in enumerate(pages):
        first = True
        for found in lines:
            line = usual.noted(found)
            if before is not None:
                between, dropped = _between(before, line, number, usual, known)
                if dropped:
                    pieces[-1] = pieces[-1][:-dropped]
                    length -= dropped
                pieces.append(between)
                length += len(between)
            if first:
                starts.append(length)
                first = False
            before = Placed(line, number, length, length + len(line.text))
            placed.append(before)
            pieces.append(line.text)
            length += len(line.text)
        if first:
            starts.append(length)
    return "".join(pieces), placed, starts


def _between(before: Placed, line: Line, page: int, usual: Usual, known: Counter[str]) -> tuple[str, int]:
    """What stands between two lines, and how many characters of the first go."""
    last = before.line
    marked = usual.is_mark(last) or usual.is_mark(line)
    if marked and page == before.page and abs(last.bottom - line.bottom) <= usual.size:
        return " ", 0
    turned = page != before.page or last.bottom - line.bottom < -0.5 * last.size
    if _ends_paragraph(last, line, turned, usual):
        return "\n\n", 0
    if broken := _BROKEN_WORD.search(last.text):
        rest = _WORD.match(line.text)
        if rest and rest[0][0].islower():
            halves = f"{broken[1]}-{rest[0]}".casefold()
            kept = known[halves] > known[halves.replace("-", "")]
            return "", 0 if kept else 1
    if _BULLET.match(line.text) or _LED.search(last.text) or (not turned and usual.has_room(last, line)):
        return "\n", 0
    if _CJK.match(last.text[-1]) and _CJK.match(line.text[0]):
        return "", 0
    return " ", 0


def _ends_paragraph(last: Line, line: Line, turned: bool, usual: Usual) -> bool:
    size = max(last.size, 1.0)
    if abs(line.size - last.size) > 0.08 * size:
        return True
    ended = bool(_ENDED.search(last.text))
    short = usual.has_room(last, line)
    if turned:
        # Over the end of a page or column, a sentence goes on.
        return ended or (short and not line.text[0].islower() and not _BROKEN_WORD.search(last.text))
    drop = last.bottom - line.bottom
    if drop <= 0.5 * size:  # the same line, in pieces
        return False
    if drop > 1.3 * usual.pitch and drop > 1.3 * size:
        return True
    indented = 0.8 * size < line.left - last.left < 6 * size
    return ended and (indented or short)

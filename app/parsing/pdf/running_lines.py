"""Drops running headers, footers and page numbers: lines at the same place on many pages of a PDF."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from app.parsing.pdf.lines import Line

_OUTERMOST = 3
_SAME_PLACE_POINTS = 6.0
_SET_APART = 1.3
_MARGIN = 0.15
_NUMBER = re.compile(r"\d+")
_FIRST_OR_LAST = re.compile(r"^(\w+)\b|\b(\w+)$")
_Key = tuple[str, str | int]


def drop_running_lines(
    pages: Sequence[Sequence[Line]], labels: Sequence[str], heights: Sequence[float]
) -> list[list[Line]]:
    """Return the lines of pages without running ones. `heights` of the pages are in points.

    A running line is one of the three outermost in the upper or lower margin, is set apart from the text, and
    recurs at the same height on three pages (on two, in a document of at most five). Lines recur if they have
    the same words, whatever their numbers, or if they begin or end with a number that counts the pages or
    with the label of their page.
    """
    least = 3 if len(pages) > 5 else 2
    at_top = [
        sorted((line for line in lines if line.top > (1 - _MARGIN) * height), key=lambda line: -line.top)
        for lines, height in zip(pages, heights, strict=True)
    ]
    at_bottom = [
        sorted((line for line in lines if line.bottom < _MARGIN * height), key=lambda line: line.bottom)
        for lines, height in zip(pages, heights, strict=True)
    ]
    running: set[int] = set()
    for edges in (at_top, at_bottom):
        recurring = _recurring(edges, labels, least)
        for lines in edges:
            count = 0
            while count < min(len(lines), _OUTERMOST) and id(lines[count]) in recurring:
                count += 1
            while 0 < count < len(lines) and not _is_apart(lines[count - 1], lines[count]):
                count -= 1
            running |= {id(line) for line in lines[:count]}
    return [[line for line in lines if id(line) not in running] for lines in pages]


def _is_apart(line: Line, body: Line) -> bool:
    """Whether the gap between a line and the text is larger than the gap between two lines of text."""
    return abs(line.bottom - body.bottom) > _SET_APART * max(line.size, body.size)


def _recurring(edges: Sequence[Sequence[Line]], labels: Sequence[str], least: int) -> set[int]:
    by_key: dict[_Key, list[Line]] = defaultdict(list)
    for page, (lines, label) in enumerate(zip(edges, labels, strict=True)):
        for line in lines[:_OUTERMOST]:
            for key in _keys(line, page, label):
                by_key[key].append(line)
    found: set[int] = set()
    for lines in by_key.values():
        height = median(line.bottom for line in lines)
        close = [line for line in lines if abs(line.bottom - height) <= _SAME_PLACE_POINTS]
        if len(close) >= least:
            found |= {id(line) for line in close}
    return found


def _keys(line: Line, page: int, label: str) -> Iterator[_Key]:
    yield "words", _NUMBER.sub("#", line.text.casefold())
    for match in _FIRST_OR_LAST.finditer(line.text):
        number = match[0]
        if number.isdecimal() and len(number) < 6:
            yield "counts", int(number) - page
        if number == label:
            yield "label", ""

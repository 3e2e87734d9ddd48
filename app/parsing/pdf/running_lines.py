"""Running headers, footers and page numbers of a PDF: what stands at the same place on many pages."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from app.parsing.pdf.lines import Line

_OUTERMOST = 3
_SAME_PLACE_POINTS = 6.0
_APART = 1.3
_MARGIN = 0.15
_NUMBER = re.compile(r"\d+")
_FIRST_OR_LAST = re.compile(r"^(\w+)\b|\b(\w+)$")
_Key = tuple[str, str | int]


def without_running(
    pages: Sequence[Sequence[Line]], labels: Sequence[str], heights: Sequence[float]
) -> list[list[Line]]:
    """Return the pages' lines without running ones; the pages have these labels and heights, in points.

    Running are lines in a page's upper or lower margin, three at most, that stand apart from the text and at
    the same height on three pages, or on two of a document of five or fewer: with the same words, numbers
    aside, or with a number that counts the pages, or the page's label, before or behind any words.
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
        repeated = _repeated(edges, labels, least)
        for lines in edges:
            count = 0
            while count < min(len(lines), _OUTERMOST) and id(lines[count]) in repeated:
                count += 1
            while 0 < count < len(lines) and not _is_apart(lines[count - 1], lines[count]):
                count -= 1
            running |= {id(line) for line in lines[:count]}
    return [[line for line in lines if id(line) not in running] for lines in pages]


def _is_apart(line: Line, body: Line) -> bool:
    """Whether there is more room between a line and the text than between two lines of it."""
    return abs(line.bottom - body.bottom) > _APART * max(line.size, body.size)


def _repeated(edges: Sequence[Sequence[Line]], labels: Sequence[str], least: int) -> set[int]:
    alike: dict[_Key, list[Line]] = defaultdict(list)
    for page, (lines, label) in enumerate(zip(edges, labels, strict=True)):
        for line in lines[:_OUTERMOST]:
            for key in _keys(line, page, label):
                alike[key].append(line)
    found: set[int] = set()
    for lines in alike.values():
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

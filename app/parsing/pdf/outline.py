"""Finds where the chapters of a PDF begin by the entries of its outline."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pypdfium2

from app.parsing.pdf.paragraphs import PlacedLine
from app.parsing.text.chapter_marks import ChapterMark
from app.parsing.text.text_builder import clean_text

_LEVELS = 3
_HEADING_LINES = 3
_NEAR_POINTS = 150.0
_SLACK_POINTS = 5.0
_LONGEST_NUMBER = 20
_NO_LETTER = re.compile(r"[\W_]+")


def outline_marks(document: pypdfium2.PdfDocument, placed: Sequence[PlacedLine]) -> list[ChapterMark]:
    """Return a mark for each entry of the first three levels of a document's outline, in text order.

    The heading of an entry are the lines with the words of its title, near the entry's destination.
    """
    of_page: dict[int, list[PlacedLine]] = defaultdict(list)
    for each in placed:
        of_page[each.page].append(each)
    marks = []
    for title, page, height in _entries(document):
        candidates = of_page[page]
        heading = _heading(title, candidates, height)
        below = [
            each.start for each in candidates if height is None or each.line.top <= height + _SLACK_POINTS
        ]
        if not candidates:
            continue
        start = below[0] if below else candidates[-1].start
        if heading:
            # A word or two above it, such as the number of the chapter, are part of the heading.
            near = 0 < heading[0].start - start <= _LONGEST_NUMBER
            marks.append(ChapterMark(title, start if near else heading[0].start, heading[-1].end))
        else:
            marks.append(ChapterMark(title, start, start))
    return sorted(marks, key=lambda mark: mark.start)


def _entries(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, int, float | None]]:
    """Yield the title, the page, and the height on the page in points, if known, of each entry."""
    for bookmark in document.get_toc():
        destination = bookmark.get_dest()
        page = None if destination is None else destination.get_index()
        title = " ".join(clean_text(bookmark.get_title()).split())
        if destination is None or page is None or not title or bookmark.level >= _LEVELS:
            continue
        _, view = destination.get_view()
        # A destination /XYZ has left, top and zoom; /FitH has the top alone.
        height = view[1] if len(view) == 3 else view[0] if len(view) == 1 else None
        yield title, page, height


def _heading(title: str, lines: Sequence[PlacedLine], height: float | None) -> list[PlacedLine] | None:
    """Find the lines with the words of a title, maybe after a number; if many, those nearest the height."""
    wanted = _letters(title)
    found = []
    for first in range(len(lines)):
        for last in range(first, min(first + _HEADING_LINES, len(lines))):
            some = lines[first : last + 1]
            letters = _letters("".join(each.line.text for each in some))
            if wanted and letters.endswith(wanted) and len(letters) - len(wanted) <= 12:
                found.append(some)
                break
    if height is None or not found:
        return list(found[0]) if found else None
    nearest = min(found, key=lambda some: abs(some[0].line.top - height))
    return list(nearest) if abs(nearest[0].line.top - height) <= _NEAR_POINTS else None


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()

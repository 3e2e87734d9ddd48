"""Where the chapters of a PDF begin: at the entries of its outline, or at lines in larger type."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

import pypdfium2

from app.parsing.pdf.paragraphs import Placed
from app.parsing.text.blocks import clean
from app.parsing.text.chapter_marks import Mark
from app.parsing.text.headings import title_of

_LEVELS = 3
_LARGER = 1.15
_LONGEST_HEADING = 120
_HEADING_LINES = 3
_NEAR_POINTS = 150.0
_SLACK_POINTS = 5.0
_LONGEST_NUMBER = 20
_NO_LETTER = re.compile(r"[\W_]+")


def outlined(document: pypdfium2.PdfDocument, placed: Sequence[Placed]) -> list[Mark]:
    """Return the marks of the first three levels of a document's outline, in the text's order.

    The lines that say an entry's title, near where it leads, are its heading.
    """
    of_page: dict[int, list[Placed]] = defaultdict(list)
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
            # A word or two above it, such as the chapter's number, are part of it.
            near = 0 < heading[0].start - start <= _LONGEST_NUMBER
            marks.append(Mark(title, start if near else heading[0].start, heading[-1].end))
        else:
            marks.append(Mark(title, start, start))
    return sorted(marks, key=lambda mark: mark.start)


def larger(placed: Sequence[Placed], size: float) -> list[Mark]:
    """Return the marks of lines in larger type than most of a document, which is of `size` points."""
    marks = []
    for _, group in groupby(placed, key=lambda each: (each.page, round(each.line.size, 1))):
        lines = list(group)
        title = title_of([each.line.text for each in lines])
        if (
            lines[0].line.size >= _LARGER * size
            and len(lines) <= _HEADING_LINES
            and len(title) <= _LONGEST_HEADING
            and any(character.isalpha() for character in title)
        ):
            marks.append(Mark(title, lines[0].start, lines[-1].end))
    return marks


def _entries(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, int, float | None]]:
    """Title, page and height on it in points, where known."""
    for bookmark in document.get_toc():
        destination = bookmark.get_dest()
        page = None if destination is None else destination.get_index()
        title = " ".join(clean(bookmark.get_title()).split())
        if destination is None or page is None or not title or bookmark.level >= _LEVELS:
            continue
        _, view = destination.get_view()
        # "To this place" has left, top and zoom; "this width" its top alone.
        height = view[1] if len(view) == 3 else view[0] if len(view) == 1 else None
        yield title, page, height


def _heading(title: str, lines: Sequence[Placed], height: float | None) -> list[Placed] | None:
    """The lines on a page that together say a title, a number before it aside; the nearest to the height."""
    wanted = _letters(title)
    found = []
    for first in range(len(lines)):
        for last in range(first, min(first + _HEADING_LINES, len(lines))):
            some = lines[first : last + 1]
            said = _letters("".join(each.line.text for each in some))
            if wanted and said.endswith(wanted) and len(said) - len(wanted) <= 12:
                found.append(some)
                break
    if height is None or not found:
        return list(found[0]) if found else None
    nearest = min(found, key=lambda some: abs(some[0].line.top - height))
    return list(nearest) if abs(nearest[0].line.top - height) <= _NEAR_POINTS else None


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()

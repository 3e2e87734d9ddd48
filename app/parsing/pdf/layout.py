"""Measures the layout of a PDF: its usual type size and line pitch, and the right edges of its columns."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from app.parsing.pdf.lines import Line

_FEWEST_LINES = 5
_SMALL_TYPE = 0.85
_NOTE_MARK = re.compile(r"\d{1,3}|\[\d{1,3}\]")


class Layout:
    """The layout of a document, in points: `size` of most characters, `pitch` of the lines in that size."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        sizes: Counter[float] = Counter()
        for line in (line for lines in pages for line in lines):
            sizes[round(line.size, 1)] += len(line.text)
        self.size = sizes.most_common(1)[0][0] if sizes else 0.0
        body = [[line for line in lines if abs(line.size - self.size) < 0.5] for lines in pages]
        drops = [one.bottom - other.bottom for lines in body for one, other in pairwise(lines)]
        near = [drop for drop in drops if 0.8 * self.size < drop < 3 * self.size]
        self.pitch = median(near) if near else 1.2 * self.size
        self._all = [line for lines in body for line in lines]
        self._page = {id(line): lines for lines in pages for line in lines}
        self._rights: dict[tuple[int, int], float] = {}

    def has_room(self, line: Line, following: Line) -> bool:
        """Tell whether a line had room for the next one's first word: it was then ended on purpose."""
        word = following.text.split(" ", 1)[0]
        width = (line.right - line.left) / max(len(line.text), 1)
        return line.right + (len(word) + 1) * width < self._column_right(line) - 0.5 * line.size

    def is_note_mark(self, line: Line) -> bool:
        """Tell whether a line is only the raised number of a note, which belongs to the line before."""
        return bool(_NOTE_MARK.fullmatch(line.text)) and line.size < _SMALL_TYPE * self.size

    def bracket_note_mark(self, line: Line) -> Line:
        """Return a line; if it is the number of a note, put it in brackets."""
        if not line.text.isdecimal() or not self.is_note_mark(line):
            return line
        noted = replace(line, text=f"[{line.text}]")
        self._page[id(noted)] = self._page[id(line)]
        return noted

    def _column_right(self, line: Line) -> float:
        """The right edge of a line's column: 90% of the lines at that place end there or before."""
        middle = (line.left + line.right) / 2
        page = self._page[id(line)]
        key = (id(page), round(middle / 10))
        if key not in self._rights:
            rights = [each.right for each in page if each.left <= middle <= each.right]
            if len(rights) < _FEWEST_LINES:
                rights = [each.right for each in self._all if each.left <= middle <= each.right] or rights
            self._rights[key] = sorted(rights)[int(0.9 * (len(rights) - 1))]
        return self._rights[key]

"""What is usual in a PDF: the size of its type, the distance of its lines, and where its columns end."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from app.parsing.pdf.lines import Line

_FEWEST = 5
_SMALL = 0.85
_MARK = re.compile(r"\d{1,3}|\[\d{1,3}\]")


class Usual:
    """Measures of a document's lines, in points."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        sizes: Counter[float] = Counter()
        for line in (line for lines in pages for line in lines):
            sizes[round(line.size, 1)] += len(line.text)
        # Of most characters.
        self.size = sizes.most_common(1)[0][0] if sizes else 0.0
        body = [[line for line in lines if abs(line.size - self.size) < 0.5] for lines in pages]
        drops = [one.bottom - other.bottom for lines in body for one, other in pairwise(lines)]
        near = [drop for drop in drops if 0.8 * self.size < drop < 3 * self.size]
        self.pitch = median(near) if near else 1.2 * self.size
        self._all = [line for lines in body for line in lines]
        self._page = {id(line): lines for lines in pages for line in lines}
        self._rights: dict[tuple[int, int], float] = {}

    def has_room(self, line: Line, following: Line) -> bool:
        """Tell whether the next line's first word had room in this one, so that this was ended on purpose."""
        word = following.text.split(" ", 1)[0]
        width = (line.right - line.left) / max(len(line.text), 1)
        return line.right + (len(word) + 1) * width < self._right(line) - 0.5 * line.size

    def is_mark(self, line: Line) -> bool:
        """Tell whether a line is a note's raised number, which stands on the line before it."""
        return bool(_MARK.fullmatch(line.text)) and line.size < _SMALL * self.size

    def noted(self, line: Line) -> Line:
        """Return a line, a note's number in brackets."""
        if not line.text.isdecimal() or not self.is_mark(line):
            return line
        noted = replace(line, text=f"[{line.text}]")
        self._page[id(noted)] = self._page[id(line)]
        return noted

    def _right(self, line: Line) -> float:
        """Where the column that a line is in ends: few lines over the same place end farther right."""
        middle = (line.left + line.right) / 2
        page = self._page[id(line)]
        key = (id(page), round(middle / 10))
        if key not in self._rights:
            rights = [each.right for each in page if each.left <= middle <= each.right]
            if len(rights) < _FEWEST:
                rights = [each.right for each in self._all if each.left <= middle <= each.right] or rights
            self._rights[key] = sorted(rights)[int(0.9 * (len(rights) - 1))]
        return self._rights[key]

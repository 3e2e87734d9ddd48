"""A text written piece by piece, as a reader sees it, with what is found on the way."""

import re
from dataclasses import dataclass, field

from app.parsing.text.chapter_marks import Mark, says
from app.parsing.text.headings import title_of

# Control characters, soft hyphens, joiners of nothing and byte order marks go; every space is a space.
_UNSEEN = [*range(9), 11, *range(14, 32), *range(127, 160), 0xAD, 0x200B, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF]
_SPACES = [0xA0, 0x202F, *range(0x2000, 0x200B)]
_CLEANED = {**dict.fromkeys(_UNSEEN), **dict.fromkeys(range(0xD800, 0xE000)), **dict.fromkeys(_SPACES, " ")}
_WHITE = re.compile(r"[ \t\n\f\r]+")
_LINE, _PARAGRAPH = 1, 2


def clean(text: str) -> str:
    """Return a text without characters that nobody sees, and with plain spaces."""
    return text.translate(_CLEANED)


@dataclass
class _Heading:
    level: int
    start: int | None = None
    first_piece: int = 0


@dataclass
class _Section:
    kinds: frozenset[str]
    start: int
    end: int | None = None

    def holds(self, place: int) -> bool:
        return self.start <= place and (self.end is None or place < self.end)


@dataclass
class Blocks:
    """A text as it grows: words, the ends of lines and paragraphs, and places in it.

    White space of any length is one space, and none stands at a line's ends, unless it is written as it is.
    A place is that of the next word written: `anchors` holds where the words after each name begin, `pages`
    the labels of printed pages, in order.
    """

    anchors: dict[str, int] = field(default_factory=dict)
    pages: list[tuple[str, int]] = field(default_factory=list)
    headings: list[tuple[int, Mark]] = field(default_factory=list)
    length: int = 0
    _pieces: list[str] = field(default_factory=list)
    _break: int = 0
    _space: bool = False
    _waiting: list[str] = field(default_factory=list)
    _turned: list[str] = field(default_factory=list)
    _heading: _Heading | None = None
    _sections: list[_Section] = field(default_factory=list)
    _open: list[_Section] = field(default_factory=list)

    def words(self, text: str) -> None:
        """Write words on the line that is being written."""
        said = _WHITE.sub(" ", clean(text))
        if not said.strip(" "):
            self._space = self._space or bool(said)
            return
        self._space = self._space or said[0] == " "
        self._place()
        self._put(said.strip(" "))
        self._space = said[-1] == " "

    def as_it_is(self, text: str) -> None:
        """Write a text with the spaces and lines that it has."""
        said = clean(text)
        if said.strip():
            self._place()
            self._put(said)
        elif "\n" in said:
            self.line()

    def line(self) -> None:
        """End the line."""
        self._break = max(self._break, _LINE)

    def paragraph(self) -> None:
        """End the paragraph."""
        self._break = _PARAGRAPH

    def anchor(self, name: str) -> None:
        """Give the next words a name; the first of a name counts."""
        self._waiting.append(name)

    def page(self, label: str) -> None:
        """Begin a printed page with the next words."""
        self._turned.append(label)

    def open_heading(self, level: int) -> None:
        """Begin a heading of this level; one within another is part of it."""
        self.paragraph()
        if self._heading is None:
            self._heading = _Heading(level)

    def close_heading(self) -> None:
        """End the heading; one without words is none."""
        heading, self._heading = self._heading, None
        self.paragraph()
        if heading is None or heading.start is None:
            return
        title = title_of("".join(self._pieces[heading.first_piece :]).split("\n"))
        name, place = next(reversed(self.anchors.items()), ("", -1))
        anchor = name if place == heading.start else None
        self.headings.append((heading.level, Mark(title, heading.start, self.length, anchor)))

    def open_section(self, kinds: frozenset[str]) -> None:
        """Begin a part of the text that the file has words for, within those that are open."""
        section = _Section(kinds, self.length)
        self._sections.append(section)
        self._open.append(section)

    def close_section(self) -> None:
        """End the part that was begun last."""
        self._open.pop().end = self.length

    def kinds(self, place: int) -> frozenset[str]:
        """Return the file's words for the innermost part around a place that tell what it is."""
        around = (section.kinds for section in reversed(self._sections) if section.holds(place))
        return next((kinds for kinds in around if says(kinds) is not None), frozenset())

    def text(self) -> str:
        """Return what has been written so far."""
        return "".join(self._pieces)

    def _place(self) -> None:
        """Write the white space due, and give what waits for a place the next one."""
        if self._break and self.length:
            self._put("\n" * self._break)
        elif self._space and self.length:
            self._put(" ")
        self._break, self._space = 0, False
        for name in self._waiting:
            self.anchors.setdefault(name, self.length)
        self.pages += [(label, self.length) for label in self._turned]
        self._waiting, self._turned = [], []
        if self._heading is not None and self._heading.start is None:
            self._heading.start, self._heading.first_piece = self.length, len(self._pieces)

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self.length += len(text)

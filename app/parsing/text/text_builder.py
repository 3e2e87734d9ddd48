"""Builds a text piece by piece, and records where its headings, anchors, pages and sections are."""

import re
from dataclasses import dataclass, field

from app.parsing.control_characters import WINDOWS
from app.parsing.text.chapter_marks import ChapterMark, is_body
from app.parsing.text.headings import heading_title

# Control characters, soft hyphens, zero-width characters and byte order marks are removed. Pages that count
# by Windows-1252 name its quotes and dashes by what are control characters in Unicode: `&#146;`.
_INVISIBLE = [*range(9), 11, *range(14, 32), *range(127, 160), 0xAD, 0x200B, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF]
_SPACES = [0xA0, 0x202F, *range(0x2000, 0x200B)]
_CLEANED = {
    **dict.fromkeys(_INVISIBLE),
    **dict.fromkeys(range(0xD800, 0xE000)),
    **dict.fromkeys(_SPACES, " "),
    **WINDOWS,
}
_WHITE = re.compile(r"[ \t\n\f\r]+")
_LINE, _PARAGRAPH = 1, 2


def clean_text(text: str) -> str:
    """Return a text without invisible characters, and with a plain space for each kind of space."""
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
class TextBuilder:
    """A text that is being written: words, ends of lines and paragraphs, and places in it.

    White space is reduced to one space and removed at the ends of lines, except in verbatim text. Anchors,
    pages and headings are at the next word that is written. `anchors` are places by name, `pages` labels of
    printed pages with their places, and `headings` levels with their marks. Places are character offsets.
    """

    anchors: dict[str, int] = field(default_factory=dict)
    pages: list[tuple[str, int]] = field(default_factory=list)
    headings: list[tuple[int, ChapterMark]] = field(default_factory=list)
    length: int = 0
    _pieces: list[str] = field(default_factory=list)
    _break: int = 0
    _space: bool = False
    _waiting_anchors: list[str] = field(default_factory=list)
    _waiting_pages: list[str] = field(default_factory=list)
    _waiting_numbers: list[str] = field(default_factory=list)
    _heading: _Heading | None = None
    _sections: list[_Section] = field(default_factory=list)
    _open: list[_Section] = field(default_factory=list)

    def write_words(self, text: str) -> None:
        """Write words on the present line."""
        cleaned = _WHITE.sub(" ", clean_text(text))
        if not cleaned.strip(" "):
            self._space = self._space or bool(cleaned)
            return
        self._space = self._space or cleaned[0] == " "
        self._begin_word()
        self._append(cleaned.strip(" "))
        self._space = cleaned[-1] == " "

    def write_verbatim(self, text: str) -> None:
        """Write a text with its own spaces and lines."""
        cleaned = clean_text(text)
        if cleaned.strip():
            self._begin_word()
            self._append(cleaned)
        elif "\n" in cleaned:
            self.end_line()

    def end_line(self) -> None:
        """End the line."""
        self._end(_LINE)

    def end_paragraph(self) -> None:
        """End the paragraph."""
        self._end(_PARAGRAPH)

    def begin_item(self, number: str) -> None:
        """Begin an item of a list: its number stands before its first words, whatever they are in."""
        self._waiting_numbers.append(number)

    def end_item(self) -> None:
        """End an item; the number of one without words is written alone."""
        if self._waiting_numbers:
            numbers, self._waiting_numbers = self._waiting_numbers, []
            self._begin_word()
            self._append(" ".join(numbers))

    def add_anchor(self, name: str) -> None:
        """Name the place of the next word; of two places with one name, the first counts."""
        self._waiting_anchors.append(name)

    def begin_page(self, label: str) -> None:
        """Begin a printed page at the next word."""
        self._waiting_pages.append(label)

    def open_heading(self, level: int) -> None:
        """Begin a heading of this level; a heading inside another is part of it."""
        self.end_paragraph()
        if self._heading is None:
            self._heading = _Heading(level)

    def close_heading(self) -> None:
        """End the heading; a heading without words is dropped."""
        heading, self._heading = self._heading, None
        self.end_paragraph()
        if heading is None or heading.start is None:
            return
        title = heading_title("".join(self._pieces[heading.first_piece :]).split("\n"))
        name, place = next(reversed(self.anchors.items()), ("", -1))
        anchor = name if place == heading.start else None
        self.headings.append((heading.level, ChapterMark(title, heading.start, self.length, anchor)))

    def open_section(self, kinds: frozenset[str]) -> None:
        """Begin a section of these kinds (words of EPUB's vocabulary), inside the open ones."""
        section = _Section(kinds, self.length)
        self._sections.append(section)
        self._open.append(section)

    def close_section(self) -> None:
        """End the innermost open section."""
        self._open.pop().end = self.length

    def kinds_at(self, place: int) -> frozenset[str]:
        """Return the kinds of the innermost section around a place for which `is_body` is known; or none."""
        around = (section.kinds for section in reversed(self._sections) if section.holds(place))
        return next((kinds for kinds in around if is_body(kinds) is not None), frozenset())

    def text(self) -> str:
        """Return the text written so far."""
        return "".join(self._pieces)

    def _begin_word(self) -> None:
        """Write pending white space, and record the place of pending anchors, pages and headings."""
        if self._break and self.length:
            self._append("\n" * self._break)
        elif self._space and self.length:
            self._append(" ")
        self._break, self._space = 0, False
        for name in self._waiting_anchors:
            self.anchors.setdefault(name, self.length)
        self.pages += [(label, self.length) for label in self._waiting_pages]
        self._waiting_anchors, self._waiting_pages = [], []
        if self._heading is not None and self._heading.start is None:
            self._heading.start, self._heading.first_piece = self.length, len(self._pieces)
        if self._waiting_numbers:
            self._append(" ".join([*self._waiting_numbers, ""]))
            self._waiting_numbers = []

    def _end(self, kind: int) -> None:
        # What an item begins with does not part it from its number.
        if not self._waiting_numbers:
            self._break = max(self._break, kind)

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self.length += len(text)

"""Reads the words of a PDF's page, with where they stand and how large they are."""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from app.parsing.pdf.directions import has_rtl, is_mark, ligature
from app.parsing.pdf.letters import Sign, Spot, alike, goes_on, joined, parts_of_signs
from app.parsing.text.text_builder import clean_text

# pdfium writes special characters for a hyphen at the end of a line, and no line end after it.
_HYPHENS = "\x02\ufffe"
_TOKEN = re.compile(rf"[^\s{_HYPHENS}]+[{_HYPHENS}]?|[{_HYPHENS}]")
# The words of which the first and the last letter tell where they stand.
_LETTERS = re.compile(r"[^\W\d_]+[,.;:!?]?")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# The widest letters are so wide; a word that takes more room was put together of others.
_WIDEST_LETTER = 1.4


@dataclass(slots=True)
class Word:
    """A word, or a part that stands higher or lower or in other type than the rest, in points.

    `left` and `right` are counted from where the page's lines begin: from its right edge where it is written
    from right to left. `base` is the height of the line it stands on, `order` its number in the page's
    content, `lead` what is between it and the word before in that order: nothing, a space or a line end.
    `shift` is 1 for what is raised over its line and -1 for what is lowered, `glued` for what goes on without
    a space, `beside_cap` for what begins a line beside a drop cap.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    order: int
    lead: str
    rtl: bool
    shift: int = 0
    glued: bool = False
    beside_cap: bool = False


@dataclass(slots=True)
class PageWords:
    """The words of a page in the order of its content; `turned` are those written at another angle.

    `width` and `height` are of the page as it is read, in points; `rtl` tells that its lines begin at the
    right.
    """

    words: list[Word]
    turned: list[Word]
    width: float
    height: float
    rtl: bool


def page_words(page: pypdfium2.PdfPage) -> PageWords:
    """Return the words of a page. The direction of most of its letters is the page's."""
    width, height = page.get_size() if page.get_rotation() % 180 == 0 else page.get_size()[::-1]
    text_page = page.get_textpage()
    try:
        found = list(_Reading(text_page, width, height).words())
    finally:
        text_page.close()
    turns = Counter(turn for _, turn in found)
    most = turns.most_common(1)[0][0] if turns else 0
    words = [word for word, turn in found if turn == most]
    if most % 2:
        width, height = height, width
    rtl = sum(len(word.text) * (1 if word.rtl else -1) for word in words if not word.text.isdecimal()) > 0
    if rtl:
        for word in words:
            word.left, word.right = width - word.right, width - word.left
    return PageWords(words, [word for word, turn in found if turn != most], width, height, rtl)


class _Reading:
    """Reads one page's characters from pdfium. `width` and `height` are of the page as it is stored."""

    def __init__(self, page: pypdfium2.PdfTextPage, width: float, height: float) -> None:
        self._page = page.raw
        self._width, self._height = width, height
        self._box = raw.FS_RECTF()
        self._ref = ctypes.byref(self._box)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._matrix = raw.FS_MATRIX()
        # Base and type size of the characters on one line, by the edges of their boxes.
        self._upright: dict[tuple[float, float], tuple[float, float]] = {}

    def words(self) -> Iterator[tuple[Word, int]]:
        """Yield each word, and by how many quarters its page is turned until it is upright."""
        count = raw.FPDFText_CountChars(self._page)
        text = self._text(count)
        two_ways = has_rtl(text)
        order = end = 0
        for token in _TOKEN.finditer(text):
            between = text[end : token.start()]
            lead = "\n" if "\n" in between or "\r" in between else " " if between else ""
            end = token.end()
            parts = self._two_way_parts if two_ways else self._parts
            for part, spot in parts(token.group(), token.start()):
                said = _cleaned(part)
                if not said:
                    continue
                rtl = two_ways and has_rtl(said)
                yield Word(said, spot.left, spot.right, spot.base, spot.size, order, lead, rtl), spot.turn
                order += 1
                lead = ""

    def _text(self, count: int) -> str:
        """The page's characters, as many as pdfium counts."""
        buffer = (ctypes.c_ushort * (count + 1))()
        units = raw.FPDFText_GetText(self._page, 0, count, buffer)
        text = bytes(buffer)[: 2 * (units - 1)].decode("utf-16-le", "replace")
        if len(text) == count == units - 1:
            return text
        return "".join([chr(raw.FPDFText_GetUnicode(self._page, n)) for n in range(count)])

    def _parts(self, token: str, first: int) -> Iterator[tuple[str, Spot]]:
        """The parts of a word whose first character has this index, and where they are."""
        last = first + len(token)
        if _LETTERS.fullmatch(token):
            one, other = self._spot(first), self._spot(last - 1)
            if one and other and alike(one, other):
                whole = joined(one, other)
                if whole.right - whole.left <= _WIDEST_LETTER * one.size * len(token):
                    yield token, whole
                    return
        begin, spot, before = first, None, None
        for index in range(first, last):
            here = self._spot(index)
            if here is None:
                continue
            if spot and before and not goes_on(before, here):
                yield token[begin - first : index - first], spot
                begin, spot = index, None
            spot = joined(spot, here) if spot else here
            before = here
        if spot:
            yield token[begin - first :], spot

    def _spot(self, index: int) -> Spot | None:
        """Where a character stands; None for one that pdfium has added."""
        if not raw.FPDFText_GetLooseCharBox(self._page, index, self._ref):
            return None
        box = self._box
        left, right, low, high = box.left, box.right, box.bottom, box.top
        if high <= low and right <= left:
            return None
        style = self._upright.get((low, high))
        if style:
            return Spot(left, right, *style, 0)
        raw.FPDFText_GetCharOrigin(self._page, index, ctypes.byref(self._x), ctypes.byref(self._y))
        size = raw.FPDFText_GetFontSize(self._page, index)
        if raw.FPDFText_GetMatrix(self._page, index, ctypes.byref(self._matrix)):
            size *= math.hypot(self._matrix.c, self._matrix.d) or 1.0
        turn = round(raw.FPDFText_GetCharAngle(self._page, index) / (math.pi / 2)) % 4
        if turn == 0:
            self._upright[low, high] = self._y.value, size
            return Spot(left, right, self._y.value, size, 0)
        if turn == 1:
            return Spot(self._height - high, self._height - low, self._x.value, size, 1)
        if turn == 2:
            return Spot(self._width - right, self._width - left, self._height - self._y.value, size, 2)
        return Spot(low, high, self._width - self._x.value, size, 3)

    def _two_way_parts(self, token: str, first: int) -> Iterator[tuple[str, Spot]]:
        """The parts of a word on a page of both directions, by where its characters stand.

        Each has letters of one direction: those written from right to left are in the order of reading,
        others from left to right.
        """
        letters: list[Sign] = []
        marks: list[tuple[str, float]] = []
        for index, character in enumerate(token, first):
            spot = self._spot(index) if _cleaned(character) else None
            if spot is None:
                continue
            if is_mark(character):
                marks.append((character, self._middle(index) if spot.turn == 0 else spot.left))
            elif letters and letters[-1].spot == spot:  # two letters of one sign
                letters[-1].text = ligature(letters[-1].text + character)
            else:
                letters.append(Sign(character, spot))
        for character, place in marks:
            if letters:
                near = min(letters, key=lambda sign: max(sign.spot.left - place, place - sign.spot.right))
                near.marks.append(character)
        yield from parts_of_signs(letters)

    def _middle(self, index: int) -> float:
        """The middle of what is drawn of a character, from the left of the page."""
        left, right, low, high = (ctypes.c_double() for _ in range(4))
        raw.FPDFText_GetCharBox(self._page, index, left, right, low, high)
        return (left.value + right.value) / 2


def _cleaned(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    for mark in _HYPHENS:
        text = text.replace(mark, "-")
    return clean_text(text.translate(_LIGATURES))

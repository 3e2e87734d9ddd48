"""Extracts the lines of a PDF's page, with their positions and type sizes."""

import ctypes
import re
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from app.parsing.text.text_builder import clean_text

# pdfium writes special characters for a hyphen at the end of a line, and no line end after it.
_HYPHEN = re.compile("[\x02\ufffe]")
_ENDED = re.compile("(?<=\n)|(?<=[\x02\ufffe])")
# Dot leaders in front of a page number.
_LEADERS = re.compile(r"(?:\s*\.){5,}\s*")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. Edges are in points from the lower left corner of the page; `size` is of its type."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float


def page_lines(page: pypdfium2.PdfPage) -> list[Line]:
    """Return the lines of a page, in the order of the page's content."""
    text_page = page.get_textpage()
    try:
        return _text_lines(text_page)
    finally:
        text_page.close()


def _text_lines(page: pypdfium2.PdfTextPage) -> list[Line]:
    found = []
    units = 0  # pdfium counts in UTF-16 code units
    for piece in _ENDED.split(page.get_text_range()):
        begin, units = units, units + len(piece.encode("utf-16-le", "surrogatepass")) // 2
        text = " ".join(clean_text(_HYPHEN.sub("-", piece).translate(_LIGATURES)).split())
        if text:
            before = len(piece) - len(piece.lstrip())
            after = len(piece) - len(piece.rstrip())
            first, last = (
                raw.FPDFText_GetCharIndexFromTextIndex(page.raw, index)
                for index in (begin + before, units - after - 1)
            )
            left, bottom, _, top = _char_box(page, first)
            _, bottom_of_last, right, top_of_last = _char_box(page, last)
            size = raw.FPDFText_GetFontSize(page.raw, first)
            text = _LEADERS.sub(" … ", text)
            found.append(
                Line(text, left, right, min(bottom, bottom_of_last), max(top, top_of_last), float(size))
            )
    return found


def _char_box(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """The left, bottom, right and top of a character's loose box, in points; zeros if it has none."""
    box = raw.FS_RECTF()
    if index < 0 or not raw.FPDFText_GetLooseCharBox(page.raw, index, ctypes.byref(box)):
        return 0.0, 0.0, 0.0, 0.0
    return box.left, box.bottom, box.right, box.top

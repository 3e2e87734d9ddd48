"""Parses PDF: pages with their labels, without running headers and footers, lines joined to paragraphs."""

import re
from collections.abc import Sequence
from contextlib import closing

import pypdfium2
from pypdfium2 import raw

from app.parsing import language
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.pdf.heading_marks import heading_marks
from app.parsing.pdf.layout import Layout
from app.parsing.pdf.outline import outline_marks
from app.parsing.pdf.pages import read_pages
from app.parsing.pdf.paragraphs import join_lines
from app.parsing.pdf.unread_pages import damaged_pages, image_pages, in_words
from app.parsing.text import gutenberg, headings
from app.parsing.text.chapter_marks import chapters_from_marks, opening_kinds
from app.parsing.text.text_builder import clean_text
from store.segmentation import PageSpan

# A scan without recognised text may still have a stamp or a word on each page.
_FEWEST_LETTERS_A_PAGE = 20
# Titles that programs give to documents by themselves.
_NO_TITLE = re.compile(r"untitled|.*\.(?:docx?|odt|rtf|tex|dvi|indd|qxd|pdf)", re.IGNORECASE)


def parse(data: bytes) -> ParsedBook:
    """Parse a PDF. Its chapters begin at the entries of the first three levels of its outline.

    Without an outline they begin at headings in larger type that look alike or, if there are none, at lines
    like `CHAPTER IV`. ParseError: password-protected, no-text, unreadable-book.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise ParseError(
                "password-protected", "The PDF asks for a password: save it without one."
            ) from error
        raise ParseError("unreadable-book", "The PDF is damaged: it cannot be opened.") from error
    with closing(document):
        labels = [document.get_page_label(number) or str(number + 1) for number in range(len(document))]
        pages = read_pages(document, labels)
        empty = [number for number, page in enumerate(pages) if not page]
        damaged = damaged_pages(document, empty)
        if len(damaged) == len(pages) > 0:
            raise ParseError("unreadable-book", "The PDF is damaged: none of its pages can be opened.")
        letters = sum(len(line.text) for page in pages for line in page)
        if letters < _FEWEST_LETTERS_A_PAGE * (len(pages) - len(damaged)):
            raise ParseError(
                "no-text", "The PDF has images of pages and no text: have it recognised (OCR) first."
            )
        text, placed, starts = join_lines(pages)
        marks = outline_marks(document, placed)
        first = opening_kinds(text, marks)
        if len(marks) < 2:
            marks = heading_marks(placed, Layout(pages).size)
        if not marks:
            marks = headings.find_headings(text, "txt")
        metadata = document.get_metadata_dict(skip_empty=True)
        book = ParsedBook(
            format="pdf",
            text=text,
            chapters=chapters_from_marks(text, marks, first),
            pages=[PageSpan(label, start) for label, start in zip(labels, starts, strict=True)],
            title=_title(metadata.get("Title", "")),
            author=_one_line(metadata.get("Author", "")),
            language=language.tag(_language(document)),
            warnings=_warnings(labels, damaged, image_pages(document, empty)),
        )
    return gutenberg.strip_boilerplate(book)


def _warnings(labels: Sequence[str], damaged: Sequence[int], images: Sequence[int]) -> list[str]:
    found = []
    if damaged:
        found.append(f"{in_words(damaged, labels)} cannot be opened: the PDF is damaged there.")
    if images:
        have = "has images" if len(images) == 1 else "have images"
        found.append(f"{in_words(images, labels)} {have} and no text: have them recognised (OCR) to add it.")
    return found


def _title(text: str) -> str | None:
    title = (_one_line(text) or "").removeprefix("Microsoft Word - ")
    return None if not title or _NO_TITLE.fullmatch(title) else title


def _one_line(text: str) -> str | None:
    return " ".join(clean_text(text).split()) or None


def _language(document: pypdfium2.PdfDocument) -> str | None:
    size = raw.FPDFCatalog_GetLanguage(document.raw, None, 0)
    buffer = (raw.FPDF_WCHAR * (size // 2))()
    raw.FPDFCatalog_GetLanguage(document.raw, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").rstrip("\0") or None

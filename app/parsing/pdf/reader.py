"""PDF: pages with their labels, without running headers and footers, lines joined to paragraphs."""

import re
from contextlib import closing

import pypdfium2
from pypdfium2 import raw

from app.parsing import language
from app.parsing.parsed import Parsed, ParseError
from app.parsing.pdf.lines import Line, lines
from app.parsing.pdf.measures import Usual
from app.parsing.pdf.outline import larger, outlined
from app.parsing.pdf.paragraphs import joined
from app.parsing.pdf.running_lines import without_running
from app.parsing.text import gutenberg, headings
from app.parsing.text.blocks import clean
from app.parsing.text.chapter_marks import chapters, opening
from store.segmentation import PageSpan

# A scan may have a stamp or a word on each page.
_FEWEST_LETTERS_A_PAGE = 20
# What programs call a document by themselves.
_NO_TITLE = re.compile(r"untitled|.*\.(?:docx?|odt|rtf|tex|dvi|indd|qxd|pdf)", re.IGNORECASE)


def parse(data: bytes) -> Parsed:
    """Read a PDF. Its chapters are the entries of its outline's first three levels; where it has none, lines
    in larger type, or such as `CHAPTER IV`.

    Raises ParseError password-protected, no-text and unreadable-book.
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
        pages = _pages(document)
        if sum(len(line.text) for page in pages for line in page) < _FEWEST_LETTERS_A_PAGE * len(pages):
            raise ParseError(
                "no-text", "The PDF has images of pages and no text: have it recognised (OCR) first."
            )
        labels = [document.get_page_label(number) or str(number + 1) for number in range(len(document))]
        kept = without_running(pages, labels, [document.get_page_size(n)[1] for n in range(len(document))])
        text, placed, starts = joined(kept)
        marks = outlined(document, placed)
        first = opening(text, marks)
        if len(marks) < 2:
            marks = larger(placed, Usual(kept).size)
        if not marks:
            marks = headings.find(text, "txt")
        told = document.get_metadata_dict(skip_empty=True)
        book = Parsed(
            format="pdf",
            text=text,
            chapters=chapters(text, marks, first),
            pages=[PageSpan(label, start) for label, start in zip(labels, starts, strict=True)],
            title=_title(told.get("Title", "")),
            author=_cleaned(told.get("Author", "")),
            language=language.tag(_language(document)),
        )
    return gutenberg.stripped(book)


def _pages(document: pypdfium2.PdfDocument) -> list[list[Line]]:
    found = []
    for number in range(len(document)):
        try:
            with closing(document[number]) as page:
                found.append(lines(page))
        except pypdfium2.PdfiumError as error:
            raise ParseError("unreadable-book", f"The PDF's page {number + 1} is damaged.") from error
    return found


def _title(told: str) -> str | None:
    title = (_cleaned(told) or "").removeprefix("Microsoft Word - ")
    return None if not title or _NO_TITLE.fullmatch(title) else title


def _cleaned(told: str) -> str | None:
    return " ".join(clean(told).split()) or None


def _language(document: pypdfium2.PdfDocument) -> str | None:
    size = raw.FPDFCatalog_GetLanguage(document.raw, None, 0)
    buffer = (raw.FPDF_WCHAR * (size // 2))()
    raw.FPDFCatalog_GetLanguage(document.raw, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").rstrip("\0") or None

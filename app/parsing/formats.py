"""Parses a book of any format, in this process."""

from collections.abc import Callable

from app.parsing.docx.reader import parse as parse_docx
from app.parsing.epub.reader import parse as parse_epub
from app.parsing.html.reader import parse as parse_html
from app.parsing.parsed import Format, ParsedBook, ParseError
from app.parsing.pdf.reader import parse as parse_pdf
from app.parsing.text.reader import parse_markdown, parse_plain_text

_PARSERS: dict[Format, Callable[[bytes], ParsedBook]] = {
    "txt": parse_plain_text,
    "md": parse_markdown,
    "html": parse_html,
    "epub": parse_epub,
    "pdf": parse_pdf,
    "docx": parse_docx,
}


def parse_book(data: bytes, format: Format) -> ParsedBook:  # noqa: A002 - the word users know
    """Parse a book of this format.

    ParseError, with the slugs book-empty, unreadable-text, bad-archive, archive-too-large,
    password-protected, no-text and unreadable-book.
    """
    book = _PARSERS[format](data)
    if not book.text.strip():
        raise ParseError("book-empty", "The book has no text in it.")
    return book

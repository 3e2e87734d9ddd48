"""Parses a book of any format, in this process; only the reader that the format needs is imported."""

from collections.abc import Callable
from dataclasses import replace

from app.parsing.parsed import Format, ParsedBook, ParseError
from store.segmentation import is_blank

# A file that is damaged all over says as much as a person reads.
_MOST_WARNINGS = 20


def parse_book(data: bytes, format: Format) -> ParsedBook:  # noqa: A002 - the word users know
    """Parse a book of this format.

    ParseError, with the slugs book-empty, unreadable-text, bad-archive, archive-too-large,
    password-protected, no-text and unreadable-book.
    """
    book = _parser(format)(data)
    if is_blank(book.text):
        raise ParseError("book-empty", "The book has no text in it.")
    more = len(book.warnings) - _MOST_WARNINGS
    if more > 0:
        told = [*book.warnings[:_MOST_WARNINGS], f"There are {more} more warnings like these."]
        return replace(book, warnings=told)
    return book


def _parser(book_format: Format) -> Callable[[bytes], ParsedBook]:
    """The parser of a format. To import all of them takes .3 s, which each upload would wait for."""
    if book_format == "html":
        from app.parsing.html.reader import parse as parse_html

        return parse_html
    if book_format == "epub":
        from app.parsing.epub.reader import parse as parse_epub

        return parse_epub
    if book_format == "pdf":
        from app.parsing.pdf.reader import parse as parse_pdf

        return parse_pdf
    if book_format == "docx":
        from app.parsing.docx.reader import parse as parse_docx

        return parse_docx
    from app.parsing.text.reader import parse_markdown, parse_plain_text

    return parse_markdown if book_format == "md" else parse_plain_text

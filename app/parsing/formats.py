"""One way to read any format, in this process; only what the format needs is imported."""

from app.parsing.parsed import Format, Parsed, ParseError


def read(data: bytes, format: Format) -> Parsed:  # noqa: A002 - the word users know
    """Read a book of this format.

    Raises ParseError with the slugs book-empty, unreadable-text, bad-archive, archive-too-large,
    password-protected, no-text and unreadable-book.
    """
    book = _read(data, format)
    if not book.text.strip():
        raise ParseError("book-empty", "The book has no text in it.")
    return book


def _read(data: bytes, format: Format) -> Parsed:  # noqa: A002
    if format == "html":
        from app.parsing.html.reader import parse as parse_html

        return parse_html(data)
    if format == "epub":
        from app.parsing.epub.reader import parse as parse_epub

        return parse_epub(data)
    if format == "pdf":
        from app.parsing.pdf.reader import parse as parse_pdf

        return parse_pdf(data)
    if format == "docx":
        from app.parsing.docx.reader import parse as parse_docx

        return parse_docx(data)
    from app.parsing.text.reader import parse as parse_text

    return parse_text(data, format)

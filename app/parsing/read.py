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
        from app.parsing import html

        return html.parse(data)
    if format == "epub":
        from app.parsing import epub

        return epub.parse(data)
    if format == "pdf":
        from app.parsing import pdf

        return pdf.parse(data)
    if format == "docx":
        from app.parsing import docx

        return docx.parse(data)
    from app.parsing import plain

    return plain.parse(data, format)

# ruff: noqa: RUF001 - the punctuation of many languages
"""Removes Project Gutenberg's header and licence, which surround a book's text."""

import re
from dataclasses import replace

from app.parsing import language
from app.parsing.parsed import ParsedBook

_START = re.compile(
    r"^[ *]*\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)"
    r"[^\n]*(?:\n[^\n]+){0,2}?\*\*\*[^\n]*$"
    r"|^\*END[ *]THE SMALL PRINT![^\n]*$",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(
    r"^(?:[ *]*\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)"
    r"|End of (?:the )?Project Gutenberg(?:'s|’s)? )",
    re.MULTILINE | re.IGNORECASE,
)
_FIELD = re.compile(r"^(Title|Author|Language)\s*: *(\S[^\n]*(?:\n {2,}\S[^\n]*)*)", re.MULTILINE)
# The credits of those who made the file, right below the start.
_CREDITS = re.compile(
    r"\s*(?:Produced by|E-text prepared by|This e(?:book|text) was (?:produced|prepared) by)", re.I
)
_PARAGRAPH_END = re.compile(r"\n\s*\n|\Z")
_HEADER_WITHIN = 50_000


def strip_boilerplate(book: ParsedBook) -> ParsedBook:
    """Return a book of Project Gutenberg without the header and licence; any other book as it is.

    Its title, author and language are those in the header, where the header has them.
    """
    text = book.text
    start = _START.search(text, 0, _HEADER_WITHIN)
    if start is None:
        return book
    header = text[: start.end()]
    header_fields = {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(header)}
    begin = start.end()
    if made_by := _CREDITS.match(text, begin):
        end_of_credits = _PARAGRAPH_END.search(text, made_by.end())
        begin = end_of_credits.end() if end_of_credits else begin
    end = _END.search(text, begin)
    body = text[begin : end.start() if end else len(text)]
    if not body.strip():
        return book
    begin += len(body) - len(body.lstrip())
    kept = book.crop(begin, begin + len(body.strip()))
    return replace(
        kept,
        title=header_fields.get("title") or book.title,
        author=header_fields.get("author") or book.author,
        language=language.tag(header_fields.get("language")) or book.language,
    )

"""Parses plain text and Markdown."""

from dataclasses import replace

from app.parsing.encoding import damage, decode
from app.parsing.parsed import ParsedBook
from app.parsing.text import gutenberg
from app.parsing.text.headings import TextFormat, chapters, markdown_headings

_LOWEST_TITLE_LEVEL = 2


def parse_plain_text(data: bytes) -> ParsedBook:
    """Parse plain text, without a title of its own. ParseError: unreadable-text."""
    return _parse(data, decode(data), "txt", None)


def parse_markdown(data: bytes) -> ParsedBook:
    """Parse Markdown; its title is its first heading of level 1 or 2. ParseError: unreadable-text."""
    text = decode(data)
    titles = (mark.title for level, mark in markdown_headings(text) if level <= _LOWEST_TITLE_LEVEL)
    return _parse(data, text, "md", next(filter(None, titles), None))


def _parse(data: bytes, text: str, format: TextFormat, title: str | None) -> ParsedBook:  # noqa: A002
    book = gutenberg.strip_boilerplate(
        ParsedBook(format=format, text=text, chapters=[], title=title, warnings=damage(data))
    )
    return replace(book, chapters=chapters(book.text, format))

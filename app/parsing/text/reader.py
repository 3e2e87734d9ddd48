"""Parses plain text and Markdown."""

import re
from dataclasses import replace

from app.parsing.encoding import damage, decode
from app.parsing.parsed import ParsedBook
from app.parsing.text import gutenberg
from app.parsing.text.headings import TextFormat, chapters

_TITLE = re.compile(r"^#{1,2} +(.+?)[ #]*$", re.MULTILINE)
_LONGEST_TITLE = 300


def parse_plain_text(data: bytes) -> ParsedBook:
    """Parse plain text, without a title of its own. ParseError: unreadable-text."""
    return _parse(data, decode(data), "txt", None)


def parse_markdown(data: bytes) -> ParsedBook:
    """Parse Markdown; its title is its first heading of level 1 or 2. ParseError: unreadable-text."""
    text = decode(data)
    title = _TITLE.search(text)
    return _parse(data, text, "md", title[1][:_LONGEST_TITLE] if title else None)


def _parse(data: bytes, text: str, format: TextFormat, title: str | None) -> ParsedBook:  # noqa: A002
    book = gutenberg.strip_boilerplate(
        ParsedBook(format=format, text=text, chapters=[], title=title, warnings=damage(data))
    )
    return replace(book, chapters=chapters(book.text, format))

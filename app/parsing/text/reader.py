"""Plain text and Markdown."""

import re
from dataclasses import replace

from app.parsing.encoding import decode
from app.parsing.parsed import Parsed
from app.parsing.text import gutenberg
from app.parsing.text.headings import TextFormat, chapters

_TITLE = re.compile(r"^#{1,2} +(.+?)[ #]*$", re.MULTILINE)
_LONGEST_TITLE = 300


def parse(data: bytes, format: TextFormat) -> Parsed:  # noqa: A002 - the word users know
    """Read plain text or Markdown; its title is its first heading of the first two levels, if it is Markdown.

    Raises ParseError unreadable-text.
    """
    text = decode(data)
    title = _TITLE.search(text) if format == "md" else None
    whole = Parsed(format=format, text=text, chapters=[], title=title[1][:_LONGEST_TITLE] if title else None)
    book = gutenberg.stripped(whole)
    return replace(book, chapters=chapters(book.text, format))

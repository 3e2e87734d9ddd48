# ruff: noqa: RUF001 - the punctuation of many languages
"""Project Gutenberg's header and licence, which stand around a book's text and are none of it."""

import re
from dataclasses import replace

from app.parsing import language
from app.parsing.parsed import Parsed

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
# Who made the file, right below the start.
_CREDITS = re.compile(
    r"\s*(?:Produced by|E-text prepared by|This e(?:book|text) was (?:produced|prepared) by)", re.I
)
_PARAGRAPH_END = re.compile(r"\n\s*\n|\Z")
_HEADER_WITHIN = 50_000


def stripped(parsed: Parsed) -> Parsed:
    """Return a book of Project Gutenberg without its header and licence, and with the title, author and
    language that the header names; any other book as it is.
    """
    text = parsed.text
    start = _START.search(text, 0, _HEADER_WITHIN)
    if start is None:
        return parsed
    header = text[: start.end()]
    named = {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(header)}
    begin = start.end()
    if made_by := _CREDITS.match(text, begin):
        end_of_credits = _PARAGRAPH_END.search(text, made_by.end())
        begin = end_of_credits.end() if end_of_credits else begin
    end = _END.search(text, begin)
    body = text[begin : end.start() if end else len(text)]
    if not body.strip():
        return parsed
    begin += len(body) - len(body.lstrip())
    kept = parsed.cut(begin, begin + len(body.strip()))
    return replace(
        kept,
        title=named.get("title") or parsed.title,
        author=named.get("author") or parsed.author,
        language=language.tag(named.get("language")) or parsed.language,
    )

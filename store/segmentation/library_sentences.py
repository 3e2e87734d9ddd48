"""Sentences of the languages that this package has no rules for, by sentencex."""

import re
from collections.abc import Iterator

import regex
from sentencex import get_sentence_boundaries

from store.segmentation.spans import Span

# sentencex takes time with the square of what it is given, so that paragraphs longer than this are handed to
# it in parts; in this much it takes milliseconds.
_PART = 2_000
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# It fails at other spaces behind a capital letter (release 1.0.32).
_SPACES = {ord(space): " " for space in "\u00a0\u1680\u2007\u202f\u205f\u3000\u0085\u2028\u2029"} | {
    number: " " for number in range(0x2000, 0x200B)
}
# Georgian has no capitals in its sentences.
_SMALL = regex.compile(r"[\p{Ll}--\p{Georgian}]", regex.V1)


def sentences_by_library(text: str, rough: Iterator[Span], language: str) -> Iterator[Span]:
    """Yield the spans of a text's sentences, without white space at their ends.

    `rough` are sentences by their closing signs alone, in order; a paragraph too long for sentencex is parted
    between these. `language` is a code of ISO 639.
    """
    for start, end in _parts(text, rough):
        if end - start > 2 * _PART:
            yield start, end
            continue
        part = text[start:end].translate(_SPACES)
        begin = start
        for stop in _ends(part, language):
            body = text[begin : start + stop].strip()
            if not body or _SMALL.match(text[start + stop : end].lstrip("-–— ")):
                continue
            yield from _trimmed(text, begin, start + stop)
            begin = start + stop
        yield from _trimmed(text, begin, end)

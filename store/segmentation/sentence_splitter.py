# ruff: noqa: RUF001 - the punctuation of many languages
"""Finds the sentences of a text in any language."""

import re
from collections.abc import Iterator

import regex

from store.segmentation.abbreviations import ABBREVIATIONS, LETTERS, ORDINALS
from store.segmentation.library_sentences import (
    ABBREVIATION,
    LONGEST_ABBREVIATION,
    SURE_END,
    sentences_by_library,
)
from store.segmentation.spans import Span, trimmed

# Unicode's signs at the end of a sentence, an ellipsis, and the shads of Tibetan.
_ENDS = r"\p{Sentence_Terminal}…།༎"
_CLOSERS = "\"'”’»›)\\]）」』】〉》"
# A sentence ends at a blank line, at a full stop that needs no space after it, or at one followed by a space.
# “ and « open a quotation before a word and close one right after a full stop; » may stand apart from it.
# Each alternative can start only once in a run of the same signs, so that no text takes quadratic time.
_SENTENCE_END = regex.compile(
    rf"\n[^\S\n]*\n|{SURE_END.pattern}+[{_CLOSERS}]*"
    rf"|(?<![{_ENDS}])[{_ENDS}]++[{_CLOSERS}“«]*+(?:[ \u00a0\u202f]»)?(?=\s|\Z)",
    regex.V1,
)
# The first character that follows, skipping a dash.
_FOLLOWING = re.compile(r"\s*(?:[-–—]\s*)?(\S)")
_LAST_WORD = re.compile(r"[\w.-]*\w$")
_DOTTED = re.compile(r"\w(?:\.-?\w)+")
# "No. 5", "Fig. 3", but not "He left home. 12 men followed."
_LONGEST_BEFORE_NUMBER = 3


def sentences(
    text: str, start: int = 0, end: int | None = None, language: str | None = None
) -> Iterator[Span]:
    """Yield the spans of the sentences in `text[start:end]`, without white space at their ends.

    With the `language`, a BCP 47 tag, a quotation stays with its speaker ("“Why?” he asked."), and the
    language's abbreviations and numbers end no sentence.
    """
    end = len(text) if end is None else end
    primary = (language or "").split("-")[0].lower()
    if primary in ("", *ABBREVIATIONS):
        yield from _by_signs(text, start, end, primary)
    else:
        yield from sentences_by_library(text, _by_signs(text, start, end, ""), primary)


def _by_signs(text: str, start: int, end: int, language: str) -> Iterator[Span]:
    """Yield sentences by their closing signs, and by the rules of the language if one is given."""
    begin = start
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.end()
        sign = match.group().strip()
        if sign == "." and ABBREVIATION.search(text[max(begin, stop - LONGEST_ABBREVIATION) : stop]):
            continue
        if language and sign and not SURE_END.match(sign) and _goes_on(text, begin, match, end, language):
            continue
        yield from trimmed(text, begin, stop)
        begin = stop
    yield from trimmed(text, begin, end)


def _goes_on(text: str, begin: int, match: regex.Match[str], end: int, language: str) -> bool:
    """Whether a sentence goes on after this sign, judged by the words before and after it."""
    following = _FOLLOWING.match(text, match.end(), end)
    first = following[1] if following else ""
    if first.islower():
        return True
    before = _LAST_WORD.search(text[max(begin, match.start() - 16) : match.start()])
    if match.group() != "." or before is None:
        return False
    word = before[0]
    if first.isdecimal():
        return len(word) <= _LONGEST_BEFORE_NUMBER and word.isalpha()
    return (
        (len(word) == 1 and word.isalpha() and word not in LETTERS)
        or word.casefold() in ABBREVIATIONS.get(language, ())
        or (language in ORDINALS and word.isdecimal() and len(word) <= 2)
        or bool(_DOTTED.fullmatch(word))
    )

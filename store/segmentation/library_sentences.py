# ruff: noqa: RUF001 - the punctuation of many languages
"""Sentences of the languages that this package has no rules for, by sentencex."""

from collections.abc import Iterable, Iterator

import regex
from sentencex import get_sentence_boundaries

from store.segmentation.spans import Span, trimmed

# sentencex takes time with the square of a paragraph's length: so much of one takes a millisecond.
_PART = 1_000
# Release 1.0.32 fails at another space than ASCII's behind a capital letter and before its full stop.
_SPACES = {
    **dict.fromkeys((0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys(range(0x2000, 0x200B), " "),
}
# It ends sentences behind one of these or a line, and by mistake within brackets.
_CLOSED = regex.compile(r"[\p{Sentence_Terminal}…:;·][\p{P}\d\s]*$|\n$")
# What goes on with a small letter is no new sentence (Georgian ones have no others), nor do numbers end one.
_GOES_ON = regex.compile(r"[\s\p{Pd}]*[\p{Ll}--\p{Georgian}]|(?<=．)\d", regex.V1)
# A full stop after one of these, or after a lone initial, ends no sentence in any language.
ABBREVIATION = regex.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|St|Prof|Rev|Capt|Col|Gen|Sr|Jr|vs|cf|e\.g|i\.e|डॉ|[\p{Lu}--[IЯ]])\.$",
    regex.V1,
)
LONGEST_ABBREVIATION = 8
# The ends of sentences in Khmer and Tibetan, which sentencex does not know.
_LACKING = "។៕།༎"
# Signs that end a sentence wherever they stand.
SURE_END = regex.compile(r"[\p{Sentence_Terminal}།༎--[.．!?‼-⁉؟۔։]]", regex.V1)


def sentences_by_library(text: str, rough: Iterable[Span], language: str) -> Iterator[Span]:
    """Yield the spans of sentences, without white space at their ends.

    `rough` are sentences by their closing signs alone, in order. A long paragraph is parted between two of
    these before sentencex sees it, and what is too long even then stays as it is. `language` is a code of
    ISO 639.
    """
    for spans in _parts(text, rough):
        start, end = spans[0][0], spans[-1][1]
        stops = {stop for _, stop in spans if _overlooked(text, stop)}
        if end - start <= 2 * _PART:
            stops |= {stop for stop in _stops(text, start, end, language) if not _joined(text, stop, end)}
        begin = start
        for stop in sorted(stops - {end}):
            yield from trimmed(text, begin, stop)
            begin = stop
        yield from trimmed(text, begin, end)


def _stops(text: str, start: int, end: int, language: str) -> list[int]:
    """Return where the library ends sentences of a part: nowhere if it fails."""
    try:
        found = get_sentence_boundaries(language, text[start:end].translate(_SPACES))
    except BaseException as error:
        # A panic of a library in Rust is no Exception, and its class is not to be imported.
        if type(error).__name__ != "PanicException":
            raise
        return []
    return [start + each["end_index"] for each in found]


def _overlooked(text: str, stop: int) -> bool:
    """Whether a sentence ends here though the library goes on, as before a number right behind 。 or ।."""
    sign = text[stop - 1]
    number = text[stop : stop + 1].isdecimal() and SURE_END.match(sign) is not None
    return sign in _LACKING or number


def _joined(text: str, stop: int, end: int) -> bool:
    """Whether a sentence goes on where the library ends it."""
    before = text[max(0, stop - LONGEST_ABBREVIATION) : stop].rstrip(" ")
    return bool(_GOES_ON.match(text, stop, end) or ABBREVIATION.search(before) or not _CLOSED.search(before))


def _parts(text: str, rough: Iterable[Span]) -> Iterator[list[Span]]:
    """Gather sentences to paragraphs, or to parts of them that are about as long as may be."""
    spans: list[Span] = []
    for start, end in rough:
        if spans and (text.count("\n", spans[-1][1], start) > 1 or end - spans[0][0] > _PART):
            yield spans
            spans = []
        spans.append((start, end))
    if spans:
        yield spans

"""Tells which way letters are written, and puts what stands on a line into the order in which it is read."""

import unicodedata
from collections.abc import Iterator, Sequence

_RIGHT_TO_LEFT = ("R", "AL")
_OPENING, _CLOSING = "([{«", ")]}»"
_OTHER_BRACKET = str.maketrans(_OPENING + _CLOSING, _CLOSING + _OPENING)
_PUNCTUATION = ".,;:!?…،؛؟"
_LAM, _ALEFS = "ل", "اأإآ"


def has_rtl(text: str) -> bool:
    """Tell whether a text has letters that are written from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in text)


def is_mark(character: str) -> bool:
    """Tell whether a character stands on, in or under the letter before it."""
    return unicodedata.category(character) == "Mn"


def ligature(letters: str) -> str:
    """Put the letters of one sign in the order in which they are read: no sign joins an alef to a lam."""
    return letters[::-1] if len(letters) == 2 and letters[0] in _ALEFS and letters[1] == _LAM else letters


def signs(text: str) -> list[str]:
    """The letters of a text, each with its marks."""
    found: list[str] = []
    for character in text:
        if found and is_mark(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def in_logical_order(shown: Sequence[str], rtl: bool) -> str:
    """Return the text of signs that stand side by side from left to right; `rtl` is the line's direction.

    It undoes the order in which they are shown (UAX 9): runs of the other direction are turned round, and
    numbers keep theirs. Brackets open before what they hold, however the file has them.
    """
    kinds = _kinds(shown)
    ordered: list[str] = []
    runs = list(_runs(kinds, "L" if rtl else "R"))
    for first, last, opposite in reversed(runs) if rtl else runs:
        if opposite == rtl:
            ordered += shown[first:last]
            continue
        for begin, end, number in reversed(list(_runs(kinds[first:last], "N"))):
            part = shown[first + begin : first + end]
            ordered += part if number else reversed(part)
    return "".join(_bracket(ordered, place) for place in range(len(ordered)))


def _kinds(shown: Sequence[str]) -> list[str]:
    """L or R for letters, N for numbers with the signs in them, O for others."""
    classes = [unicodedata.bidirectional(sign[0]) for sign in shown]
    names = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}
    kinds = [names.get(one, "O") for one in classes]
    for place in range(1, len(kinds) - 1):
        if classes[place] in ("CS", "ES") and kinds[place - 1] == kinds[place + 1] == "N":
            kinds[place] = "N"
    return kinds


def _runs(kinds: Sequence[str], wanted: str) -> Iterator[tuple[int, int, bool]]:
    """Part a line into runs that begin and end with the kind wanted, and the others between them.

    Yield the first and the last place of each, the last exclusive, and whether it is one wanted. A run of
    letters has numbers and others in it, a run of numbers has numbers alone.
    """
    inner = {"N": "N", "L": "LNO", "R": "RNO"}[wanted]
    ends = "LN" if wanted == "L" else wanted
    place = begun = 0
    while place < len(kinds):
        last = place
        if kinds[place] in ends:
            ahead = place
            while ahead < len(kinds) and kinds[ahead] in inner:
                ahead += 1
                if kinds[ahead - 1] in ends:
                    last = ahead
        if last > place and wanted in kinds[place:last]:
            if begun < place:
                yield begun, place, False
            yield place, last, True
            place = begun = last
        else:
            place += 1
    if begun < len(kinds):
        yield begun, len(kinds), False


def _bracket(ordered: Sequence[str], place: int) -> str:
    """A sign in its place; a bracket opens or closes by what stands before and after it."""
    sign = ordered[place]
    if sign not in _OPENING + _CLOSING:
        return sign
    before = ordered[place - 1] if place else " "
    after = ordered[place + 1] if place + 1 < len(ordered) else " "
    opens = before.isspace() and not after.isspace()
    closes = not before.isspace() and (after.isspace() or after in _PUNCTUATION)
    wrong = (opens and sign in _CLOSING) or (closes and sign in _OPENING)
    return sign.translate(_OTHER_BRACKET) if wrong else sign

# ruff: noqa: RUF001 - several signs are a minus
"""Puts what is raised or lowered, such as powers and the numbers of notes, on the line it belongs to."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from app.parsing.pdf.words import Word

_SMALLER = 0.86
_LEAST_SHIFT, _MOST_RAISED, _MOST_LOWERED = 0.08, 0.85, 0.45
# Figures in the type of the line itself are raised from so much of its size on.
_LEAST_SHIFT_IN_SAME_TYPE = 0.2
# How far apart a word and what is raised behind it may be, as shares of the type size.
_NEAR, _NEAR_NOTE, _OVER = 0.3, 0.7, 0.25
_CREEP = 0.25
_MOST_OF_SIGN = 0.6
# The longest that is looked at, and that is looked for among words which were not drawn beside it.
_LONGEST, _LONGEST_ELSEWHERE = 12, 3
_FIGURES = re.compile(r"[+\-−–]?\d+|\d*[+\-−]|n")
_NEGATIVE = re.compile(r"[-−–]\d+")
_CHARGES = "+-−"
_NOTE_NUMBERS = re.compile(r"\d{1,3}(?:[,–-]\d{1,3})*")
# What has a power: figures, or one or two letters as units and variables have them.
_HAS_POWER = re.compile(r"(?:.*[\d₀-₉]|(?:.*[\W\d_])?[^\W\d_]{1,2})")
_FORMULA = re.compile(r".*[+=−*/^].*\)")
_OPERATION = re.compile(r"\w[+\-−=]\w")
# Letters that are powers of figures and variables, where others are endings of ordinals, and the letters of
# notes, which stand behind whole words.
_VARIABLE_POWER, _HAS_VARIABLE_POWER = re.compile(r"[ijkpqxyz]"), re.compile(r".*\d\)?|\W*[^\W\d_]")
_NOTE_LETTER, _HAS_NOTE_LETTER = re.compile(r"[a-z]"), re.compile(r".*[^\W\d_]{3}[a-zß-ÿ]\W*")
# The signs of elements, which have their numbers before them.
_ELEMENT = re.compile(r"[A-Z][a-z]?(?![a-z]).*")
_RAISED = str.maketrans("0123456789+-−–n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-−–", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋")


def settle_raised(words: Sequence[Word], size: float) -> None:
    """Move raised and lowered words to the line of their neighbour, and write them as such.

    `words` are in the order of the page's content, `size` is the document's usual type size in points.
    Figures behind a figure or a unit become a power (`10³`), behind another word the number of a note
    (`[4]`), and lowered ones are written as in `H₂O`.
    """
    _straighten(words)
    _level_signs(words)
    _level_signs(words[::-1])
    by_base = sorted(words, key=lambda word: word.base)
    bases = [word.base for word in by_base]
    for place, word in enumerate(words):
        if len(word.text) > _LONGEST:
            continue
        near = [
            words[other]
            for other in (place - 1, place + 1)
            if 0 <= other < len(words) and words[other].base != word.base
        ]
        host = _host(word, near) if near else None
        if host is None and word.size < _SMALLER * size and len(word.text) <= _LONGEST_ELSEWHERE:
            low = bisect_left(bases, word.base - size)
            host = _host(word, by_base[low : bisect_right(bases, word.base + size)])
        if host is not None:
            _settle(word, host)


def _straighten(words: Sequence[Word]) -> None:
    """Give the words of a line one base, where a scan's line creeps up or down."""
    before = None
    base_before = 0.0  # as it was found
    for word in words:
        if _is_sign(word):
            continue
        base = word.base
        if (
            before is not None
            and word.lead == " "
            and abs(word.size - before.size) <= 0.1 * before.size
            and abs(base - base_before) <= _CREEP * word.size
        ):
            word.base = before.base
        before, base_before = word, base


def _level_signs(words: Sequence[Word]) -> None:
    """Put signs, which some fonts have lower or higher, on the line of the word drawn before them."""
    before = None
    for word in words:
        if not _is_sign(word):
            before = word
        elif before is not None and abs(word.order - before.order) <= _LONGEST:
            lead = word.lead if word.order > before.order else before.lead
            shift = abs(word.base - before.base)
            if word.text in _CHARGES and word.size <= _SMALLER * before.size:
                continue
            if lead != "\n" and shift <= _MOST_OF_SIGN * before.size and word.size <= 1.05 * before.size:
                word.base = before.base


def _host(word: Word, others: Sequence[Word]) -> Word | None:
    """The word that another is raised or lowered at: the one before it, or else the one behind."""
    fitting = [
        other for other in others if other is not word and _is_shifted(word, other) and not _is_sign(other)
    ]
    for other in fitting:
        room = _NEAR_NOTE if word.base > other.base and _NOTE_NUMBERS.fullmatch(word.text) else _NEAR
        if -_OVER * other.size <= word.left - other.right <= room * other.size and not (
            word.lead == " " and any(_begins(word, behind) for behind in fitting)
        ):
            return other
    for other in fitting:
        if (
            (word.base > other.base and _NOTE_NUMBERS.fullmatch(word.text)) or _is_sign(word)
        ) and -_OVER * other.size <= other.left - word.right <= _NEAR_NOTE * other.size:
            return other
    return next((other for other in fitting if word.base > other.base and _begins(word, other)), None)


def _begins(word: Word, other: Word) -> bool:
    """Whether a word is the first part of what another one goes on with, such as `14` of `14C`."""
    gap = other.left - word.right
    return other.order == word.order + 1 and not other.lead and abs(gap) <= _OVER * other.size


def _is_shifted(word: Word, host: Word) -> bool:
    shift = (word.base - host.base) / max(host.size, 1.0)
    if not -_MOST_LOWERED <= shift <= _MOST_RAISED:
        return False
    if host.shift:  # a charge behind a lowered number, such as the last sign of SO₄²⁻
        return host.shift < 0 and shift >= _LEAST_SHIFT_IN_SAME_TYPE and word.size <= 1.05 * host.size
    if word.size <= _SMALLER * host.size:
        return abs(shift) >= _LEAST_SHIFT
    same_type = word.size <= 1.05 * host.size
    return same_type and abs(shift) >= _LEAST_SHIFT_IN_SAME_TYPE and bool(_FIGURES.fullmatch(word.text))


def _is_sign(word: Word) -> bool:
    """Whether a word is but signs, which some fonts have lower or higher than others."""
    return not (word.text[0].isalnum() or any(map(str.isalnum, word.text)))


def _settle(word: Word, host: Word) -> None:
    behind = word.left >= host.left
    word.shift = 1 if word.base > host.base else -1
    word.base = host.base
    word.glued = behind
    if word.shift < 0:
        if _FIGURES.fullmatch(word.text):
            word.text = word.text.translate(_LOWERED)
    elif (
        behind and _FIGURES.fullmatch(word.text) and (_has_power(host.text) or _NEGATIVE.fullmatch(word.text))
    ):
        word.text = word.text.translate(_RAISED)
    elif behind and _OPERATION.search(word.text) and _has_power(host.text):
        word.text = f"^({word.text})"
    elif behind and _VARIABLE_POWER.fullmatch(word.text) and _HAS_VARIABLE_POWER.fullmatch(host.text):
        word.text = f"^{word.text}"
    elif behind and _NOTE_LETTER.fullmatch(word.text) and _HAS_NOTE_LETTER.fullmatch(host.text):
        word.text = f" [{word.text}] "
    elif _begins(word, host) and word.lead == " " and word.text.isdecimal() and _ELEMENT.fullmatch(host.text):
        word.text = word.text.translate(_RAISED)
    elif _NOTE_NUMBERS.fullmatch(word.text):
        word.text = f" [{word.text}] " if behind else f"[{word.text}] "


def _has_power(text: str) -> bool:
    return bool(_HAS_POWER.fullmatch(text) or _FORMULA.fullmatch(text))

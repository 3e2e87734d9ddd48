"""Decodes text of an unknown encoding."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from app.parsing.control_characters import only_text, without_controls
from app.parsing.encoding_guess import likeliest
from app.parsing.parsed import ParseError
from app.parsing.wide_encodings import is_wide, wide

# What a file may be, for those who send what is none of these.
BOOKS_ARE = "books are txt, md, html, epub, pdf or docx"
# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# How markup in UTF-16 begins where it has no mark (XML 1.0, appendix F).
_BEGINNINGS = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)|<meta[^>]{0,500}?charset\s*=\s*[\"']?([\w.:-]+)",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
# Japanese and Korean that is ASCII with escape sequences.
_WITH_ESCAPES = ("iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext")
_SHIFTS = frozenset("\x1b\x0e\x0f")
# Files whose records are filled with NUL have at least one of them.
_RECORD = 80
# The encoding is guessed from so many bytes, and the guess is checked on so many characters.
_SAMPLE_BYTES = 8_192
_CHECKED = 65_536
# A text is UTF-8 with damage where it has this many whole characters beyond ASCII for each damaged one.
_WHOLE_FOR_DAMAGED = 8
_DAMAGED = "\ufffd"
# A text with this many bytes for each beyond ASCII is plain but for a few names.
_PLAIN_FOR_FOREIGN = 100
_ASCII = bytes(range(128))
_WORD = re.compile(r"[^\W\d_]{2,}")
# Scripts of East Asia, by how the names of their characters begin: they mix with each other and with Latin.
_EASTERN = frozenset(
    (
        "CJK",
        "HIRAGANA",
        "KATAKANA",
        "HANGUL",
        "BOPOMOFO",
        "IDEOGRAPHIC",
        "FULLWIDTH",
        "HALFWIDTH",
        "KATAKANA-HIRAGANA",
        "CIRCLED",
    )
)
# The share of words beyond ASCII that may have letters of two scripts, or a capital within.
_MOST_STRANGE_WORDS = 0.1


def decode(data: bytes, *, markup: bool = False) -> str:
    """Return the text of bytes, with line feeds as its only line ends.

    The encoding is that of a byte order mark, or else, with `markup`, the UTF-16 in which the bytes begin as
    markup does, or else UTF-8 if the bytes are UTF-8, a few damaged characters aside, or else, with `markup`,
    the one that the markup declares, or else a guess that gives words of one script. Damaged characters
    become U+FFFD, and control characters are removed. ParseError unreadable-text: the bytes are not text in
    any of these, or text with many control characters, or markup with NUL.
    """
    text = _decoded(data, markup)
    if text is None or (markup and "\0" in text):
        told = "save it as UTF-8" if markup else f"{BOOKS_ARE}. If it is text, save it as UTF-8"
        raise ParseError("unreadable-text", f"The file is no text in any encoding known here: {told}.")
    # Old pages have control characters by mistake.
    return without_controls(text) if markup else only_text(text)


def damage(data: bytes, place: str = "", *, markup: bool = False) -> list[str]:
    """Return a warning about the damaged characters for which `decode` gives U+FFFD; none where none is.

    `place` begins the sentence, such as `In 'one.xhtml' `. ParseError: as `decode`.
    """
    marked = _marked(data, markup)
    if marked is None and _strictly(data, "utf-8") is not None:
        return []
    # A text may have the sign itself, too.
    own = data.decode(marked or "utf-8", "ignore").count(_DAMAGED)
    count = decode(data, markup=markup).count(_DAMAGED) - own
    if count <= 0:
        return []
    characters, each = ("character", "it") if count == 1 else ("characters", "each")
    return [f"{place}{count:,} {characters} could not be decoded: U+FFFD stands for {each}."]


def _decoded(data: bytes, markup: bool) -> str | None:
    marked = _marked(data, markup)
    if marked is not None:
        return _with_little_damage(data, marked)
    utf8 = _strictly(data, "utf-8")
    if utf8 is not None and (markup or _is_utf8(utf8, data)):
        return utf8
    if utf8 is None and markup and (found := _DECLARED.search(data[:_DECLARED_WITHIN])):
        text = _strictly(data, (found[1] or found[2]).decode("ascii"))
        if text is not None:
            return text
    return (_with_little_damage(data, "utf-8") if utf8 is None else None) or _guessed(data) or utf8


def _marked(data: bytes, markup: bool) -> str | None:
    """The encoding that the first bytes tell, by a byte order mark or by how markup begins."""
    marks = {**_MARKS, **(_BEGINNINGS if markup else {})}
    return next((encoding for mark, encoding in marks.items() if data.startswith(mark)), None)


def _is_utf8(text: str, data: bytes) -> bool:
    """Whether bytes that are valid UTF-8 are that, and not UTF-16 without a mark or Japanese with escapes."""
    return "\x1b" not in text and "\0" not in text.rstrip("\0\x1a\r\n ") and not is_wide(data)


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _with_little_damage(data: bytes, encoding: str) -> str | None:
    """The text with U+FFFD for what is damaged; None where too much is, or nothing tells this encoding."""
    text = data.decode(encoding, "replace")
    damaged = text.count(_DAMAGED)
    # Without a mark, only characters beyond ASCII tell UTF-8.
    telling = sum(character > "\x7f" for character in text) if encoding == "utf-8" else len(text)
    whole = telling - damaged
    return text if damaged * _WHOLE_FOR_DAMAGED <= whole and "\0" not in text.rstrip("\0") else None


def _guessed(data: bytes) -> str | None:
    """The text in the likeliest encoding that gives words of one script."""
    for encoding in _WITH_ESCAPES if b"\x1b" in data else ():
        text = _strictly(data, encoding)
        if text is not None and not _SHIFTS.intersection(text):
            return text
    if b"\0" in data and ((text := wide(data)) is not None or len(data) < _RECORD):
        return text
    sample = _sample(data)
    for mixed in (False, True) if _is_nearly_plain(data) else (False,):
        for encoding in likeliest(sample, mixed=mixed):
            text = _with_little_damage(data, encoding)
            if text is not None and _is_plausible(text[:_CHECKED]):
                return text
    return None


def _is_nearly_plain(data: bytes) -> bool:
    """Whether so little is beyond ASCII that it may be the names of people from many countries."""
    return len(data.translate(None, _ASCII)) * _PLAIN_FOR_FOREIGN <= len(data)


def _sample(data: bytes) -> bytes:
    """The part to guess from: the first lines that are not ASCII, whole."""
    lines = [line for line in data.splitlines(keepends=True) if not line.isascii()]
    sample = b""
    for line in lines:
        sample += line
        if len(sample) >= _SAMPLE_BYTES:
            break
    return sample


def _is_plausible(text: str) -> bool:
    """Whether the words of a text look like words: each of one script, none with a capital within."""
    if any(unicodedata.category(character) in ("Co", "Cn") for character in set(text)):
        return False
    found = [word for word in _WORD.findall(text) if not word.isascii()]
    strange = sum(_mixes_scripts(word) or _has_capital_within(word) for word in found)
    return strange <= _MOST_STRANGE_WORDS * len(found)


def _mixes_scripts(word: str) -> bool:
    scripts = set(map(_script, word))
    if scripts & _EASTERN:
        scripts -= _EASTERN | {"LATIN"}
        return bool(scripts)
    return len(scripts) > 1


def _has_capital_within(word: str) -> bool:
    """Whether a capital follows a small letter, where at least one of them is beyond ASCII."""
    return any(
        small.islower() and large.isupper() and not (small + large).isascii()
        for small, large in pairwise(word)
    )


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]

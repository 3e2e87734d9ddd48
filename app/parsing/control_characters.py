"""Control characters in plain text: what old systems leave is removed, and many of them are no text."""

import re

from app.parsing.parsed import ParseError

_WHITE = "\t\n\r\f\v"
_CONTROLS = dict.fromkeys({*range(32), *range(127, 160)} - set(map(ord, _WHITE)))
# What fills the last record of a file (NUL), and ends it on DOS and CP/M (Ctrl-Z).
_END_OF_RECORD = re.compile(r"[\0\x1a]+(?=[\r\n]|\Z)")
_C1 = re.compile("[\x80-\x9f]")
# U+0080 to U+009F are taken for what Windows-1252 has there, as browsers do (WHATWG Encoding).
WINDOWS = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_NEXT_LINE = "\x85"
# A text may have one control character in so many.
_ONE_IN = 500


def only_text(text: str) -> str:
    """Return a text without control characters, and with line feeds as its only line ends.

    ParseError unreadable-text: there are so many that it is no text.
    """
    text = _END_OF_RECORD.sub("", text)
    c1 = set(_C1.findall(text))
    if c1 == {_NEXT_LINE}:
        # Mainframes end lines with it; beside others of its kind it is an ellipsis of Windows.
        text = text.replace(_NEXT_LINE, "\n")
    elif c1:
        text = text.translate(WINDOWS)
    kept = text.translate(_CONTROLS)
    if (len(text) - len(kept)) * _ONE_IN > len(text):
        raise ParseError("unreadable-text", "The file holds control characters: it is no text.")
    return _with_line_feeds(kept)


def without_controls(text: str) -> str:
    """Return the text of a page without control characters, and with line feeds as its only line ends.

    What Windows-1252 has in their place is taken for that, as in pages that call it ISO 8859-1.
    """
    return _with_line_feeds(text.translate(WINDOWS).translate(_CONTROLS))


def _with_line_feeds(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\u2028", "\n").replace("\u2029", "\n\n")

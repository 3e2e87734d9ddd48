"""Recognises UTF-16 and UTF-32 without a byte order mark, by what is frequent in any writing."""

import unicodedata

_ENCODINGS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# Spaces, ends of lines, and the stops and quotes of all scripts: one in so many characters at least.
_FREQUENT = frozenset(
    "\n\r\t .,;:!?'\"-()\u2019\u201c\u201d\u3001\u3002\uff0c\uff01\uff1f\u300c\u300d\u0964\u060c"
)
_ONE_IN = 50
_WHITE = frozenset("\t\n\r\f\v\x1a\0\x85")


def is_wide(data: bytes) -> bool:
    """Whether bytes that are ASCII, too, are rather characters of two or four bytes each.

    Most such characters have one first byte, that of their script, which is no sign of print.
    """
    if b"\0" not in data or len(data) % 2:
        return False
    for part in (data[::2], data[1::2]):
        most = max(range(32), key=part.count)
        if part.count(most) * 2 > len(part):
            return True
    return False


def wide(data: bytes) -> str | None:
    """Return the text of bytes in UTF-16 or UTF-32; None if they are in none of these."""
    readings = (text for encoding in _ENCODINGS if (text := _read(data, encoding)) is not None)
    return max(readings, key=_frequent, default=None)


def _read(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    signs = set(text)
    if any(unicodedata.category(sign) in ("Cc", "Co", "Cn") for sign in signs - _WHITE):
        return None
    return text if signs - _WHITE and _frequent(text) * _ONE_IN >= len(text.rstrip("\0")) else None


def _frequent(text: str) -> int:
    return sum(map(text.count, _FREQUENT))

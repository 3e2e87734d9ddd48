"""Decodes text of an unknown encoding."""

import re
import unicodedata

import charset_normalizer

from app.parsing.parsed import ParseError

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)|<meta[^>]{0,500}?charset\s*=\s*[\"']?([\w.:-]+)",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
# The encodings of books from before UTF-8; of two that fit equally well, the first is taken. The Baltic
# ones are left out, because French text would be taken for them.
_LEGACY = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("iso8859_2", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
_MULTIBYTE = {"cp932", "euc_jp", "gb18030", "big5", "cp949"}
# The encoding is guessed from so many bytes.
_SAMPLE_BYTES = 65_536
_WHITE = set("\t\n\r\f\v")
_CONTROLS = dict.fromkeys({*range(1, 32), *range(127, 160)} - set(map(ord, _WHITE)))


def decode(data: bytes, *, markup: bool = False) -> str:
    """Return the text of bytes, with line feeds as its only line ends.

    The encoding is that of a byte order mark, or else UTF-8 if the bytes are valid UTF-8, or else, with
    `markup`, the one that the markup declares, or else a guess among the encodings from before UTF-8.
    Control characters are removed from markup. ParseError unreadable-text: the bytes are not text in any of
    these, or text with control characters, or markup with NUL.
    """
    text = _try_encodings(data, markup)
    if text is None or (markup and "\0" in text):
        raise ParseError(
            "unreadable-text", "The file is no text in any encoding known here: save it as UTF-8."
        )
    if markup:
        # Old pages have control characters by mistake.
        text = text.translate(_CONTROLS)
    elif any(unicodedata.category(character) == "Cc" for character in set(text) - _WHITE):
        raise ParseError("unreadable-text", "The file holds control characters: it is no text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _try_encodings(data: bytes, markup: bool) -> str | None:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return _decode_strictly(data, encoding)
    text = _decode_strictly(data, "utf-8")
    if text is None and markup and (found := _DECLARED.search(data[:_DECLARED_WITHIN])):
        text = _decode_strictly(data, (found[1] or found[2]).decode("ascii"))
    if text is None and (guess := _guess(data)):
        text = _decode_strictly(data, guess)
    return text


def _decode_strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _guess(data: bytes) -> str | None:
    sample = _sample(data)
    found = charset_normalizer.from_bytes(sample, cp_isolation=_LEGACY)
    if not found:
        return None
    best = min(found, key=lambda each: (2 * each.chaos - each.coherence, _LEGACY.index(each.encoding)))
    high_share = sum(byte >= 0x80 for byte in sample) / len(sample)
    # Any bytes are letters in some encoding; many such letters in no language's proportions are no text.
    if best.coherence == 0 and high_share > 0.3 and best.encoding not in _MULTIBYTE:
        return None
    return best.encoding


def _sample(data: bytes) -> bytes:
    """The part to guess from: whole lines, from the first line that is not ASCII."""
    first = re.search(rb"[\x80-\xff]", data)
    start = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    cut = data[start : start + _SAMPLE_BYTES]
    return cut[: cut.rfind(b"\n") + 1] or cut

"""From bytes to text, whatever encoding they are in."""

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
# What books were written in before UTF-8; where two fit equally well, the earlier is taken. The Baltic ones
# are left out: French is taken for them.
_OLD = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("iso8859_2", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
_OF_SEVERAL_BYTES = {"cp932", "euc_jp", "gb18030", "big5", "cp949"}
# A guess is made from so much; the whole is then decoded by it.
_SAMPLE_BYTES = 65_536
_WHITE = set("\t\n\r\f\v")
_CONTROLS = dict.fromkeys({*range(1, 32), *range(127, 160)} - set(map(ord, _WHITE)))


def decode(data: bytes, *, markup: bool = False) -> str:
    """Return the text of bytes, its lines ended with line feeds alone.

    A byte order mark counts first, then UTF-8, then what `markup` declares of itself, then a guess among the
    encodings from before UTF-8. Control characters are left out of markup, but for NUL.
    Raises ParseError unreadable-text when none of them gives text.
    """
    text = _decoded(data, markup)
    if text is None or (markup and "\0" in text):
        raise ParseError(
            "unreadable-text", "The file is no text in any encoding known here: save it as UTF-8."
        )
    if markup:
        # Old pages have some by mistake.
        text = text.translate(_CONTROLS)
    elif any(unicodedata.category(character) == "Cc" for character in set(text) - _WHITE):
        raise ParseError("unreadable-text", "The file holds control characters: it is no text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes, markup: bool) -> str | None:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return _strictly(data, encoding)
    text = _strictly(data, "utf-8")
    if text is None and markup and (found := _DECLARED.search(data[:_DECLARED_WITHIN])):
        text = _strictly(data, (found[1] or found[2]).decode("ascii"))
    if text is None and (guess := _guess(data)):
        text = _strictly(data, guess)
    return text


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _guess(data: bytes) -> str | None:
    sample = _sample(data)
    found = charset_normalizer.from_bytes(sample, cp_isolation=_OLD)
    if not found:
        return None
    best = min(found, key=lambda each: (2 * each.chaos - each.coherence, _OLD.index(each.encoding)))
    foreign = sum(byte >= 0x80 for byte in sample) / len(sample)
    # Any bytes are letters of some alphabet; mostly such letters, in no language's proportions, are no text.
    if best.coherence == 0 and foreign > 0.3 and best.encoding not in _OF_SEVERAL_BYTES:
        return None
    return best.encoding


def _sample(data: bytes) -> bytes:
    """The lines from the first that is not ASCII on."""
    first = re.search(rb"[\x80-\xff]", data)
    start = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    cut = data[start : start + _SAMPLE_BYTES]
    return cut[: cut.rfind(b"\n") + 1] or cut

"""Recognises the format of a file by its content."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from app.parsing.archive import folded_name
from app.parsing.encoding import BOOKS_ARE, decode
from app.parsing.parsed import Format, ParseError

# A PDF may stand behind the head of a download; a text that speaks of its mark holds no object.
_PDF_WITHIN = 1024
_PDF_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*%PDF-\d")
_PDF_OBJECT = re.compile(rb"^\s*\d+ \d+ obj\b", re.MULTILINE)
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_WITHIN = 8192
# An EPUB says what it is in its first entry, some bytes from its beginning.
_ARCHIVE_HEAD = 128
_SAVE_AS = "Save it as EPUB, PDF, DOCX, HTML or plain text."
# Formats of books that are refused by name; without this they would be taken for text, or for damaged text.
_REFUSED = (
    (re.compile(rb"\{\\rtf"), "rich text (RTF)"),
    (re.compile(rb".{60}(?:BOOKMOBI|TEXtREAd)", re.DOTALL), "a Mobipocket or Kindle book"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Office document"),
    (re.compile(rb"AT&TFORM"), "a DjVu book"),
)
# Files that are no book, by how they begin, and what a person calls them.
_NO_BOOK = (
    (re.compile(rb"\x89PNG\r\n"), "a PNG picture"),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG picture"),
    (re.compile(rb"GIF8[79]a.{0,6}\0", re.DOTALL), "a GIF picture"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "a WebP picture"),
    (re.compile(rb"II\*\0|MM\0\*"), "a TIFF picture"),
    (re.compile(rb"RIFF.{4}WAVE|ID3[\x02-\x04]|fLaC\0|OggS\0", re.DOTALL), "a sound recording"),
    (re.compile(rb"\0\0\0.ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL), "a film or a sound recording"),
    (re.compile(rb"\x7fELF|MZ.{1,60}\0\0|[\xcf\xce]\xfa\xed\xfe", re.DOTALL), "a program"),
    (re.compile(rb"7z\xbc\xaf'\x1c|Rar!\x1a\x07|\x1f\x8b\x08|BZh[1-9]1AY|\xfd7zXZ\0"), "a packed archive"),
    (re.compile(rb"SQLite format 3\0"), "a database"),
)
# Formats that are no text: a file of such a name and of no known content is not what its name says.
_BY_NAME: dict[str, str] = {".epub": "an EPUB", ".docx": "a DOCX", ".pdf": "a PDF"}
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def sniff(data: bytes, name: str = "") -> Format:
    """Return the format of a file by its content; `name` only tells Markdown from plain text, and what a file
    was meant to be.

    ParseError, if it has none of the formats: unreadable-text, bad-archive or password-protected.
    """
    if _PDF_HEAD.match(data) or (b"%PDF-" in data[:_PDF_WITHIN] and _PDF_OBJECT.search(data)):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(data, name)
    if _ENCRYPTED_OFFICE in data and data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ParseError("password-protected", "The document is encrypted: save it without a password.")
    for signature, what in _REFUSED:
        if signature.match(data):
            raise ParseError("unreadable-text", f"The file is {what}, which is not read here. {_SAVE_AS}")
    for signature, what in _NO_BOOK:
        if signature.match(data):
            raise ParseError("unreadable-text", f"This is {what}, not a book: {BOOKS_ARE}.")
    start = data[:_HTML_WITHIN]
    # Without their zeros, the signs of UTF-16 are those of ASCII.
    if _HTML.match(start.replace(b"\0", b"").decode("utf-8-sig", "ignore")):
        return "html"
    _check_name(data, name)
    return "md" if PurePosixPath(name).suffix.lower() in {".md", ".markdown"} else "txt"


def _check_name(data: bytes, name: str) -> None:
    """Raise ParseError unreadable-text for what is no text, where its name promised another format."""
    promised = _BY_NAME.get(PurePosixPath(name).suffix.lower())
    if promised is None:
        return
    try:
        decode(data)
    except ParseError as error:
        told = f"{name} is not {promised} inside, nor text: get it again, or choose another file."
        raise ParseError("unreadable-text", f"{told} {BOOKS_ARE[0].upper()}{BOOKS_ARE[1:]}.") from error


def _archive(data: bytes, name: str) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(map(folded_name, archive.namelist()))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        # Its list of contents is at its end: a file that was cut off has none.
        epub = data[:_ARCHIVE_HEAD].find(b"application/epub+zip") >= 0
        what = (
            _BY_NAME[".epub"] if epub else _BY_NAME.get(PurePosixPath(name).suffix.lower(), "a zip archive")
        )
        told = f"The file begins like {what}, but it is incomplete or damaged: get it again."
        raise ParseError("bad-archive", told) from error
    if "meta-inf/container.xml" in names or (
        "mimetype" in names and any(each.endswith(".opf") for each in names)
    ):
        return "epub"
    if "[content_types].xml" in names:
        return "docx"
    raise ParseError("bad-archive", f"The zip archive is neither an EPUB nor a DOCX. {_SAVE_AS}")

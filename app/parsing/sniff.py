"""Recognises the format of a file by its content."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from app.parsing.archive import folded_name
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
_SAVE_AS = "Save it as EPUB, PDF, DOCX, HTML or plain text."
# Formats that are refused by name; without this they would be taken for text, or for damaged text.
_REFUSED = (
    (re.compile(rb"\{\\rtf"), "rich text (RTF)"),
    (re.compile(rb".{60}(?:BOOKMOBI|TEXtREAd)", re.DOTALL), "a Mobipocket or Kindle book"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Office document"),
    (re.compile(rb"AT&TFORM"), "a DjVu book"),
)
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def sniff(data: bytes, name: str = "") -> Format:
    """Return the format of a file by its content; `name` is only used to tell Markdown from plain text.

    ParseError, if it has none of the formats: unreadable-text, bad-archive or password-protected.
    """
    if _PDF_HEAD.match(data) or (b"%PDF-" in data[:_PDF_WITHIN] and _PDF_OBJECT.search(data)):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(data)
    if _ENCRYPTED_OFFICE in data and data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ParseError("password-protected", "The document is encrypted: save it without a password.")
    for signature, what in _REFUSED:
        if signature.match(data):
            raise ParseError("unreadable-text", f"The file is {what}, which is not read here. {_SAVE_AS}")
    start = data[:_HTML_WITHIN]
    # Without their zeros, the signs of UTF-16 are those of ASCII.
    if _HTML.match(start.replace(b"\0", b"").decode("utf-8-sig", "ignore")):
        return "html"
    return "md" if PurePosixPath(name).suffix.lower() in {".md", ".markdown"} else "txt"


def _archive(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(map(folded_name, archive.namelist()))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ParseError("bad-archive", f"The file is a damaged zip archive: {error}.") from error
    if "meta-inf/container.xml" in names or (
        "mimetype" in names and any(name.endswith(".opf") for name in names)
    ):
        return "epub"
    if "[content_types].xml" in names:
        return "docx"
    raise ParseError("bad-archive", f"The zip archive is neither an EPUB nor a DOCX. {_SAVE_AS}")

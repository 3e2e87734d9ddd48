"""DOCX: made HTML by mammoth, which knows styles, notes, lists and tracked changes, and read as that."""

import io
from dataclasses import replace

import mammoth

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.html.markup import name, page, said, xml
from app.parsing.html.reader import book_of_tree
from app.parsing.parsed import Parsed, ParseError
from app.parsing.text.blocks import clean

# Beside mammoth's own, which make headings of the styles Heading 1 to 6.
_STYLES = "p[style-name='Title'] => h1:fresh"
_PROPERTIES = "docProps/core.xml"
_BODY = "word/document.xml"


def parse(data: bytes) -> Parsed:
    """Read a DOCX; paragraphs of the styles Title and Heading 1 to 3 make its chapters.

    Raises ParseError bad-archive, archive-too-large and unreadable-book.
    """
    archive = Archive(data)
    for part in archive.names:
        # mammoth opens the archive itself and reads what it likes: all of it is within bounds, or nothing is.
        if b"<!DOCTYPE" in archive.read(part) and part.endswith((".xml", ".rels")):
            raise ParseError("bad-archive", f"The DOCX's part {part[:200]!r} declares a document type.")
    if _BODY not in archive:
        raise ParseError("unreadable-book", f"The file is no DOCX: it has no {_BODY}.")
    without_images = mammoth.images.img_element(lambda image: {"src": ""})
    made = mammoth.convert_to_html(io.BytesIO(data), style_map=_STYLES, convert_image=without_images)
    book = book_of_tree(page(made.value.encode()), "docx")
    named = _properties(archive)
    return replace(
        book,
        title=named.get("title") or book.title,
        author=named.get("creator"),
        language=language.tag(named.get("language")),
    )


def _properties(archive: Archive) -> dict[str, str]:
    if _PROPERTIES not in archive:
        return {}
    return {name(each): clean(said(each)).strip() for each in xml(archive.read(_PROPERTIES))}

"""Parses DOCX as HTML: mammoth converts it, with its styles, notes, lists and tracked changes."""

import io
from dataclasses import replace

import mammoth

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.html.markup import inner_text, local_name, parse_html, parse_xml
from app.parsing.html.reader import book_from_tree
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.text.text_builder import clean_text

# In addition to mammoth's own rules, which turn the styles Heading 1 to 6 into headings.
_STYLES = "p[style-name='Title'] => h1:fresh"
_PROPERTIES = "docProps/core.xml"
_BODY = "word/document.xml"


def parse(data: bytes) -> ParsedBook:
    """Parse a DOCX; its chapters begin at paragraphs of the styles Title and Heading 1 to 3.

    ParseError: bad-archive, archive-too-large, unreadable-book.
    """
    archive = Archive(data)
    for part in archive.names:
        # mammoth opens the archive itself and may read any part: all parts must be within the limits.
        if b"<!DOCTYPE" in archive.read(part) and part.endswith((".xml", ".rels")):
            raise ParseError("bad-archive", f"The DOCX's part {part[:200]!r} declares a document type.")
    if _BODY not in archive:
        raise ParseError("unreadable-book", f"The file is no DOCX: it has no {_BODY}.")
    without_images = mammoth.images.img_element(lambda image: {"src": ""})
    converted = mammoth.convert_to_html(io.BytesIO(data), style_map=_STYLES, convert_image=without_images)
    book = book_from_tree(parse_html(converted.value.encode()), "docx")
    properties = _properties(archive)
    return replace(
        book,
        title=properties.get("title") or book.title,
        author=properties.get("creator"),
        language=language.tag(properties.get("language")),
    )


def _properties(archive: Archive) -> dict[str, str]:
    if _PROPERTIES not in archive:
        return {}
    return {
        local_name(each): clean_text(inner_text(each)).strip()
        for each in parse_xml(archive.read(_PROPERTIES))
    }

"""Parses DOCX as HTML: mammoth converts it, with its styles, notes, bullets and tracked changes."""

import io
import zipfile
from dataclasses import replace
from xml.parsers.expat import ExpatError

import mammoth
from lxml import etree

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.docx.equations import equation_text
from app.parsing.docx.numbering import Numbering
from app.parsing.html.markup import Element, inner_text, local_name, parse_html, parse_xml
from app.parsing.html.reader import book_from_tree
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.text.text_builder import clean_text

# In addition to mammoth's own rules, which turn the styles Heading 1 to 6 into headings.
_STYLES = "p[style-name='Title'] => h1:fresh"
_PROPERTIES = "docProps/core.xml"
_RELATIONS = "_rels/.rels"
_BODY = "word/document.xml"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def parse(data: bytes) -> ParsedBook:
    """Parse a DOCX; its chapters begin at paragraphs of the styles Title and Heading 1 to 3.

    ParseError: bad-archive, archive-too-large, unreadable-book.
    """
    archive = Archive(data)
    # mammoth opens an archive itself and may read any part: all parts must be within the limits.
    parts = {name: archive.read(name) for name in archive.names}
    for part, content in parts.items():
        if b"<!DOCTYPE" in content and part.endswith((".xml", ".rels")):
            raise ParseError("bad-archive", f"The DOCX's part {part[:200]!r} declares a document type.")
    without_images = mammoth.images.img_element(lambda image: {"src": ""})
    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(_written_out(archive, parts)), style_map=_STYLES, convert_image=without_images
        )
    except (ExpatError, KeyError) as error:  # XML that is none, or lacks an attribute that it needs
        raise ParseError("unreadable-book", f"The DOCX is damaged: {error}.") from error
    book = book_from_tree(parse_html(converted.value.encode()), "docx")
    properties = _properties(archive)
    return replace(
        book,
        title=properties.get("title") or book.title,
        author=properties.get("creator"),
        language=language.tag(properties.get("language")),
    )


def _main_part(archive: Archive) -> str:
    """The part that the package's relations name as its document; Word Online's is `document2.xml`."""
    root = parse_xml(archive.read(_RELATIONS)) if _RELATIONS in archive else []
    named = [
        each.get("Target") or "" for each in root if (each.get("Type") or "").endswith("/officeDocument")
    ]
    part = next((archive.find(name.lstrip("/")) for name in named), None) or archive.find(_BODY)
    if part is None:
        raise ParseError("unreadable-book", f"The file is no DOCX: it has no {_BODY}.")
    return part


def _written_out(archive: Archive, parts: dict[str, bytes]) -> bytes:
    """The DOCX of these parts, with the numbers of paragraphs and the signs of equations as words."""
    main = _main_part(archive)
    folder = main.rpartition("/")[0]
    numbers, styles = f"{folder}/numbering.xml", f"{folder}/styles.xml"
    document = parse_xml(archive.read(main))
    lists = parse_xml(archive.read(numbers)) if numbers in archive else None
    numbering = Numbering(lists, parse_xml(archive.read(styles)) if styles in archive else None)
    for paragraph in list(document.iter(f"{_WORD}p")):
        if number := numbering.number(paragraph):
            first = paragraph.find(f"{_WORD}pPr")
            paragraph.insert(0 if first is None else paragraph.index(first) + 1, _run(number))
    for equation in [each for each in document.iter() if local_name(each) == "omath"]:
        # An equation on a line of its own stands in an `oMathPara`, which mammoth does not know.
        outer = equation.getparent()
        place = outer if local_name(outer) == "omathpara" else equation
        place.addprevious(_run(equation_text(equation)))
        equation.getparent().remove(equation)
    changed = {main: document}
    if lists is not None:
        # What is left are bullets: mammoth would number the others anew.
        for level in [each for each in lists.iter(f"{_WORD}lvl") if not _is_bullet(each)]:
            level.getparent().remove(level)
        changed[archive.find(numbers) or numbers] = lists
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for name, content in parts.items():
            copy.writestr(name, etree.tostring(changed[name]) if name in changed else content)
    return out.getvalue()


def _run(text: str) -> Element:
    run = etree.Element(f"{_WORD}r")
    words = etree.SubElement(run, f"{_WORD}t", {_SPACE: "preserve"})
    words.text = text
    return run


def _is_bullet(level: Element) -> bool:
    form = level.find(f"{_WORD}numFmt")
    return form is not None and form.get(f"{_WORD}val") == "bullet"


def _properties(archive: Archive) -> dict[str, str]:
    if _PROPERTIES not in archive:
        return {}
    return {
        local_name(each): clean_text(inner_text(each)).strip()
        for each in parse_xml(archive.read(_PROPERTIES))
    }

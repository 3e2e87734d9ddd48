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
from app.parsing.docx.parts import drop_lost_notes, read_parts, read_trees
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
    main = _main_part(archive)
    parts, warnings = read_parts(archive, main)
    for part, content in parts.items():
        if b"<!DOCTYPE" in content and part.endswith((".xml", ".rels")):
            raise ParseError("bad-archive", f"The DOCX's part {part[:200]!r} declares a document type.")
    without_images = mammoth.images.img_element(lambda image: {"src": ""})
    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(_written_out(main, parts, warnings)), style_map=_STYLES, convert_image=without_images
        )
    # XML that is none, or lacks an attribute, an element or a part that it needs.
    except (ExpatError, KeyError, ValueError, OSError) as error:
        raise ParseError("unreadable-book", f"The DOCX is damaged: {error}.") from error
    book = book_from_tree(parse_html(converted.value.encode()), "docx")
    properties = _properties(parts, warnings)
    return replace(
        book,
        title=properties.get("title") or book.title,
        author=properties.get("creator"),
        language=language.tag(properties.get("language")),
        warnings=warnings,
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


def _written_out(main: str, parts: dict[str, bytes], warnings: list[str]) -> bytes:
    """The DOCX of these parts, with the numbers of paragraphs and the signs of equations as words.

    What cannot be read of them is left out, and added to the warnings.
    """
    document = parse_xml(parts[main])
    trees, left_out = read_trees(parts, main.rpartition("/")[0])
    warnings += left_out
    if lost := drop_lost_notes(document, trees):
        warnings.append(
            f"{lost:,} {'note is' if lost == 1 else 'notes are'} referred to and not in the file."
        )
    lists = _named(trees, "numbering.xml")
    numbering = Numbering(lists, _named(trees, "styles.xml"))
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
    if lists is not None:
        # What is left are bullets: mammoth would number the others anew.
        for level in [each for each in lists.iter(f"{_WORD}lvl") if not _is_bullet(each)]:
            level.getparent().remove(level)
    changed = {**trees, main: document}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for name, content in parts.items():
            copy.writestr(name, etree.tostring(changed[name]) if name in changed else content)
    return out.getvalue()


def _named(trees: dict[str, Element], file: str) -> Element | None:
    return next((tree for name, tree in trees.items() if name.rpartition("/")[2].casefold() == file), None)


def _run(text: str) -> Element:
    run = etree.Element(f"{_WORD}r")
    words = etree.SubElement(run, f"{_WORD}t", {_SPACE: "preserve"})
    words.text = text
    return run


def _is_bullet(level: Element) -> bool:
    form = level.find(f"{_WORD}numFmt")
    return form is not None and form.get(f"{_WORD}val") == "bullet"


def _properties(parts: dict[str, bytes], warnings: list[str]) -> dict[str, str]:
    if _PROPERTIES not in parts:
        return {}
    try:
        root = parse_xml(parts[_PROPERTIES])
    except ParseError as error:
        warnings.append(f"Left out are title, author and language, in {_PROPERTIES!r}. {error}")
        return {}
    return {local_name(each): clean_text(inner_text(each)).strip() for each in root}

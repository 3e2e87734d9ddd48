"""Parses DOCX as HTML: mammoth converts what Word shows, with its styles, notes and bullets."""

import io
import zipfile
from dataclasses import replace
from xml.parsers.expat import ExpatError

import mammoth
from lxml import etree

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.docx.equations import write_equations
from app.parsing.docx.numbering import Numbering
from app.parsing.docx.parts import drop_lost_notes, main_part, read_parts, read_tree, read_trees
from app.parsing.docx.properties import WORD, run, value
from app.parsing.docx.shown import keep_what_is_shown
from app.parsing.docx.styles import Styles
from app.parsing.html.markup import Element, inner_text, local_name, parse_html, parse_xml
from app.parsing.html.reader import book_from_tree
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.text.text_builder import clean_text

# In addition to mammoth's own rules, which turn the styles Heading 1 to 6 into headings.
_STYLES = "p[style-name='Title'] => h1:fresh"
_PROPERTIES = "docProps/core.xml"


def parse(data: bytes) -> ParsedBook:
    """Parse a DOCX; its chapters begin at its titles, and its headings of the first three levels.

    ParseError: bad-archive, archive-too-large, unreadable-book.
    """
    archive = Archive(data)
    main = main_part(archive)
    parts, warnings = read_parts(archive, main)
    trees, left_out = read_trees(archive, parts, main)
    warnings += left_out
    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(_written_out(read_tree(parts[main]), trees, warnings)), style_map=_STYLES
        )
    # XML that lacks an attribute, an element or a part that it needs.
    except (ExpatError, KeyError, ValueError, OSError) as error:
        raise ParseError("unreadable-book", f"The DOCX is damaged: {error}.") from error
    book = book_from_tree(parse_html(converted.value.encode()), "docx")
    properties = _properties(parts.get(archive.find(_PROPERTIES) or ""), warnings)
    return replace(
        book,
        title=properties.get("title") or book.title,
        author=properties.get("creator"),
        language=language.tag(properties.get("language")),
        warnings=warnings,
    )


def _written_out(document: Element, trees: dict[str, Element], warnings: list[str]) -> bytes:
    """A DOCX of what is shown, with the numbers of paragraphs and the signs of equations as words.

    What cannot be read of it is left out, and added to the warnings.
    """
    if lost := drop_lost_notes(document, trees):
        warnings.append(
            f"{lost:,} {'note is' if lost == 1 else 'notes are'} referred to and not in the file."
        )
    lists, styles = trees.get("numbering"), Styles(trees.get("styles"))
    numbering = Numbering(lists, styles)
    notes: dict[str, Element] = {kind: trees[kind] for kind in ("footnotes", "endnotes") if kind in trees}
    for tree in (document, *notes.values()):
        keep_what_is_shown(tree)
        write_equations(tree)
        for paragraph in list(tree.iter(f"{WORD}p")):
            if number := numbering.number(paragraph):
                first = paragraph.find(f"{WORD}pPr")
                paragraph.insert(0 if first is None else paragraph.index(first) + 1, run(number))
    styles.mark_headings(document)
    written: dict[str, Element] = {**notes, "document": document, "styles": styles.root}
    if lists is not None:
        # What is left are bullets: mammoth would number the others anew.
        for level in [each for each in lists.iter(f"{WORD}lvl") if value(each, "numfmt") != "bullet"]:
            level.getparent().remove(level)
        written["numbering"] = lists
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for kind, tree in written.items():
            copy.writestr(f"word/{kind}.xml", etree.tostring(tree))
    return out.getvalue()


def _properties(content: bytes | None, warnings: list[str]) -> dict[str, str]:
    if content is None:
        return {}
    try:
        root = parse_xml(content)
    except ParseError as error:
        warnings.append(f"Left out are title, author and language, in {_PROPERTIES!r}. {error}")
        return {}
    return {local_name(each): clean_text(inner_text(each)).strip() for each in root}

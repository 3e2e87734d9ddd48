"""Finds the parts of a DOCX by its relations: what cannot be read of them costs itself, and is said."""

import posixpath

from app.parsing.archive import Archive
from app.parsing.docx.properties import WORD
from app.parsing.html.markup import Element, parse_xml, recover_xml
from app.parsing.parsed import ParseError

_STRICT_WORD = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_BODY = "word/document.xml"
# The kinds of parts that go with a document, and what is in them.
_KINDS = {
    "numbering": "the numbers of lists",
    "styles": "the styles, which tell headings",
    "footnotes": "the footnotes",
    "endnotes": "the endnotes",
    "comments": "the comments",
}


def main_part(archive: Archive) -> str:
    """Return the part that the package's relations name as its document; Word Online's is `document2.xml`.

    ParseError: unreadable-book where there is none.
    """
    part = _related(archive, "", "officeDocument") or archive.find(_BODY)
    if part is None:
        raise ParseError("unreadable-book", f"The file is no DOCX: it has no {_BODY}.")
    return part


def read_parts(archive: Archive, main: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the bytes of all parts of a DOCX by name, and a warning for each that is damaged.

    `main` is the document. ParseError: archive-too-large; bad-archive where `main` is damaged, or a part
    declares a document type.
    """
    parts: dict[str, bytes] = {}
    warnings = []
    for name in archive.names:
        try:
            parts[name] = archive.read(name)
        except ParseError as error:
            if name == main or error.slug == "archive-too-large":
                raise
            warnings.append(f"The part {name[:200]!r} is left out. {error}")
    for name, content in parts.items():
        if b"<!DOCTYPE" in content and name.endswith((".xml", ".rels")):
            raise ParseError("bad-archive", f"The DOCX's part {name[:200]!r} declares a document type.")
    return parts, warnings


def read_tree(content: bytes) -> Element:
    """Return the root of a part, with the names of strict Office Open XML as the transitional one has them.

    ParseError: as `parse_xml`.
    """
    root = parse_xml(content)
    for element in root.iter() if _STRICT_WORD[1:-1].encode() in content else []:
        element.tag = element.tag.replace(_STRICT_WORD, WORD)
        for name, text in element.items():
            if name.startswith(_STRICT_WORD):
                del element.attrib[name]
                element.set(name.replace(_STRICT_WORD, WORD), text)
    return root


def read_trees(archive: Archive, parts: dict[str, bytes], main: str) -> tuple[dict[str, Element], list[str]]:
    """Return the roots of the parts that go with a document, by kind; a warning for each that is no XML."""
    trees: dict[str, Element] = {}
    warnings = []
    folder = posixpath.dirname(main.replace("\\", "/"))
    for kind, what in _KINDS.items():
        name = _related(archive, main, kind) or archive.find(posixpath.join(folder, f"{kind}.xml"))
        if name is None or name not in parts:
            continue
        try:
            trees[kind] = read_tree(parts[name])
        except ParseError as error:
            warnings.append(f"Left out are {what}, in {name!r}. {error}")
    return trees, warnings


def drop_lost_notes(document: Element, trees: dict[str, Element]) -> int:
    """Take out of a document what refers to notes that are in none of the trees; return how many."""
    lost = 0
    for kind in ("footnote", "endnote"):
        tree = trees.get(f"{kind}s")
        known = set() if tree is None else {each.get(f"{WORD}id") for each in tree.iter(f"{WORD}{kind}")}
        for reference in list(document.iter(f"{WORD}{kind}Reference")):
            if reference.get(f"{WORD}id") not in known:
                reference.getparent().remove(reference)
                lost += 1
    return lost


def _related(archive: Archive, source: str, kind: str) -> str | None:
    """The part of a kind that goes with a part, or with the package where `source` is empty."""
    folder, _, file = source.replace("\\", "/").rpartition("/")
    relations = archive.find(posixpath.join(folder, "_rels", f"{file}.rels"))
    if relations is None:
        return None
    try:
        root = recover_xml(archive.read(relations))
    except ParseError:
        return None
    named = [
        each.get("Target") or ""
        for each in ([] if root is None else root)
        if (each.get("Type") or "").endswith(f"/{kind}")
    ]
    found = (archive.find(posixpath.join(folder, name.replace("\\", "/"))) for name in named)
    return next(filter(None, found), None)

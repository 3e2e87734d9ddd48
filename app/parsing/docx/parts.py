"""The parts of a DOCX that its document can do without: what cannot be read costs itself, and is said."""

from app.parsing.archive import Archive
from app.parsing.html.markup import Element, parse_xml
from app.parsing.parsed import ParseError

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# What is in a part, and what in the document stands for one of its notes.
_PARTS = {
    "numbering.xml": ("the numbers of lists", ""),
    "styles.xml": ("the styles, which tell headings", ""),
    "footnotes.xml": ("the footnotes", "footnote"),
    "endnotes.xml": ("the endnotes", "endnote"),
    "comments.xml": ("the comments", ""),
}


def read_parts(archive: Archive, main: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the bytes of all parts of a DOCX by name, and a warning for each that is damaged.

    `main` is the document. ParseError: archive-too-large; bad-archive where `main` is damaged.
    """
    parts: dict[str, bytes] = {}
    warnings = []
    # mammoth opens an archive itself and may read any part: all parts must be within the limits.
    for name in archive.names:
        try:
            parts[name] = archive.read(name)
        except ParseError as error:
            if name == main or error.slug == "archive-too-large":
                raise
            warnings.append(f"The part {name[:200]!r} is left out. {error}")
    return parts, warnings


def read_trees(parts: dict[str, bytes], folder: str) -> tuple[dict[str, Element], list[str]]:
    """Return the roots of what goes with a document in this folder, by name, and a warning for each that is
    no XML, which is taken out of `parts`.
    """
    trees: dict[str, Element] = {}
    warnings = []
    for name in [each for each in parts if each.rpartition("/")[0].casefold() == folder.casefold()]:
        what, _ = _PARTS.get(name.rpartition("/")[2].casefold(), ("", ""))
        if not what:
            continue
        try:
            trees[name] = parse_xml(parts[name])
        except ParseError as error:
            del parts[name]
            warnings.append(f"Left out are {what}, in {name[:200]!r}. {error}")
    return trees, warnings


def drop_lost_notes(document: Element, trees: dict[str, Element]) -> int:
    """Take out of a document what refers to notes that are in none of the trees; return how many."""
    lost = 0
    for _, kind in _PARTS.values():
        if not kind:
            continue
        known = {each.get(f"{_WORD}id") for tree in trees.values() for each in tree.iter(f"{_WORD}{kind}")}
        for reference in list(document.iter(f"{_WORD}{kind}Reference")):
            if reference.get(f"{_WORD}id") not in known:
                reference.getparent().remove(reference)
                lost += 1
    return lost

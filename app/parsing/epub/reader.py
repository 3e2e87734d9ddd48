"""EPUB 2 and 3: the spine's documents as one text, with the titles that the tables of contents have."""

import posixpath
from dataclasses import dataclass
from urllib.parse import unquote

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.epub.contents import Contents, guide, navigation, ncx
from app.parsing.html.markup import Element, name, said, xhtml, xml
from app.parsing.html.reader import heading_marks, write_tree
from app.parsing.parsed import Parsed, ParseError
from app.parsing.text import gutenberg
from app.parsing.text.blocks import Blocks, clean
from app.parsing.text.chapter_marks import Mark, chapters, opening, says
from app.parsing.text.headings import title_of
from store.segmentation import PageSpan

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Fonts that are made unusable elsewhere; no text is encrypted so.
_FONTS_ALONE = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_DOCUMENTS = {"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"}


@dataclass(frozen=True, slots=True)
class _Item:
    file: str
    media_type: str
    properties: frozenset[str]
    linear: bool = True


def parse(data: bytes) -> Parsed:
    """Read an EPUB. Its chapters are the entries of its contents, nested ones too; where there are none, its
    headings.

    Raises ParseError bad-archive, archive-too-large and unreadable-book.
    """
    archive = Archive(data)
    _check_encryption(archive)
    file = _package_file(archive)
    package = xml(archive.read(file))
    items = _manifest(package, file)
    spine = _spine(package, items)
    contents = _contents(archive, package, file, items)
    blocks = _written(archive, spine, contents)
    text = blocks.text()
    marks = _marks(blocks, spine, contents)
    titles, authors, languages = (_metadata(package, wanted) for wanted in ("title", "creator", "language"))
    book = Parsed(
        format="epub",
        text=text,
        chapters=chapters(text, marks, blocks.kinds(0) or opening(text, marks)),
        pages=_pages(blocks, contents),
        title=titles[0] if titles else None,
        author=", ".join(authors) or None,
        language=language.tag(languages[0] if languages else None),
    )
    return gutenberg.stripped(book)


def _check_encryption(archive: Archive) -> None:
    if _ENCRYPTION not in archive:
        return
    root = xml(archive.read(_ENCRYPTION))
    methods = {each.get("Algorithm") for each in root.iter() if name(each) == "encryptionmethod"}
    if not methods <= _FONTS_ALONE:
        raise ParseError(
            "bad-archive", "The EPUB is encrypted (protected against copying): no text can be read."
        )


def _package_file(archive: Archive) -> str:
    if _CONTAINER not in archive:
        raise ParseError("unreadable-book", f"The EPUB has no {_CONTAINER}, which names what is in it.")
    root = xml(archive.read(_CONTAINER))
    files = [each.get("full-path") for each in root.iter() if name(each) == "rootfile"]
    if not files or not files[0]:
        raise ParseError("unreadable-book", f"The EPUB's {_CONTAINER} names no package.")
    return str(posixpath.normpath(files[0]))


def _manifest(package: Element, file: str) -> dict[str, _Item]:
    folder = posixpath.dirname(file)
    return {
        each.get("id"): _Item(
            posixpath.normpath(posixpath.join(folder, unquote(each.get("href")))),
            each.get("media-type") or "",
            frozenset((each.get("properties") or "").split()),
        )
        for each in package.iter()
        if name(each) == "item" and each.get("id") and each.get("href")
    }


def _spine(package: Element, items: dict[str, _Item]) -> list[_Item]:
    ids = [each.get("idref") for each in package.iter() if name(each) == "itemref"]
    listed = [items[each] for each in ids if each in items]
    # What is listed twice is read once.
    return list(dict.fromkeys(item for item in listed if item.media_type in _DOCUMENTS))


def _contents(archive: Archive, package: Element, file: str, items: dict[str, _Item]) -> Contents:
    """What the navigation document says, and what only the older tables do."""
    found = Contents()
    for item in items.values():
        if "nav" in item.properties and item.file in archive:
            found = navigation(xhtml(archive.read(item.file)), item.file)
    older = [item.file for item in items.values() if item.media_type == "application/x-dtbncx+xml"]
    if older and older[0] in archive and not (found.entries and found.pages):
        old = ncx(xml(archive.read(older[0])), older[0])
        found.entries, found.pages = found.entries or old.entries, found.pages or old.pages
    found.kinds = guide(package, file) | found.kinds
    return found


def _written(archive: Archive, spine: list[_Item], contents: Contents) -> Blocks:
    blocks = Blocks()
    for item in spine:
        # The table of contents is kept as chapters, not as text.
        if "nav" in item.properties or item.file not in archive:
            continue
        root = xhtml(archive.read(item.file))
        if root is None:
            continue
        blocks.paragraph()
        blocks.anchor(item.file)
        blocks.open_section(frozenset(contents.kinds.get(item.file, "").split()))
        write_tree(root, blocks, item.file)
        blocks.close_section()
    return blocks


def _marks(blocks: Blocks, spine: list[_Item], contents: Contents) -> list[Mark]:
    """Where chapters begin: at the entries of the contents, or else at headings, and at parts apart."""
    entries = [(title, place) for title, place in contents.entries if title and place in blocks.anchors]
    if len(entries) < 2:
        entries = []
        marks = heading_marks(blocks)
    else:
        marks = _at_entries(blocks, entries)
    known = {mark.start for mark in marks}
    apart = False
    for item in spine:
        start = blocks.anchors.get(item.file)
        if start is None:
            continue
        kinds = blocks.kinds(start)
        before, apart = apart, says(kinds) is False
        # A title page that no table names is a part of its own, and so is the text behind it.
        if start not in known and (apart or before):
            marks.append(Mark("", start, start, item.file, kinds))
    # Of several at one place the last is the innermost; all others have nothing in them.
    return sorted(marks, key=lambda mark: mark.start)


def _at_entries(blocks: Blocks, entries: list[tuple[str, str]]) -> list[Mark]:
    headings = {mark.start: mark for _, mark in blocks.headings}
    marks = []
    for title, place in entries:
        start = blocks.anchors[place]
        heading = headings.get(start)
        end = heading.end if heading else start
        marks.append(Mark(title_of([clean(title)]), start, end, place, blocks.kinds(start)))
    return marks


def _pages(blocks: Blocks, contents: Contents) -> list[PageSpan]:
    listed = [(label, blocks.anchors[place]) for label, place in contents.pages if place in blocks.anchors]
    found = sorted(listed or blocks.pages, key=lambda page: page[1])
    return [PageSpan(label, start) for label, start in found]


def _metadata(package: Element, wanted: str) -> list[str]:
    metadata = [each for each in package.iter() if name(each) == "metadata"]
    found = [said(each) for part in metadata for each in part.iter() if name(each) == wanted]
    return [clean(each).strip() for each in found if each]

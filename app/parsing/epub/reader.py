"""Parses EPUB 2 and 3: the documents of the spine as one text, with titles from the table of contents."""

import posixpath
import re
from dataclasses import dataclass

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.epub.parts import Parts
from app.parsing.epub.toc import Contents, read_guide, read_navigation, read_ncx
from app.parsing.html.markup import Element, inner_text, local_name, parse_xhtml, parse_xml
from app.parsing.html.reader import heading_marks, link_target, write_tree
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.text import gutenberg
from app.parsing.text.chapter_marks import ChapterMark, chapters_from_marks, is_body, opening_kinds
from app.parsing.text.headings import heading_title
from app.parsing.text.text_builder import TextBuilder, clean_text
from store.segmentation import PageSpan, is_blank

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Algorithms that only obfuscate fonts; text is never encrypted with them.
_FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_ROOT = re.compile(rb"<(?:\w+:)?(?:html|body|dtbook)\b", re.IGNORECASE)
_ROOT_WITHIN = 2048
_DOCUMENT, _TABLE = "The document", "The table of contents"
_DOCUMENTS = {"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"}


@dataclass(frozen=True, slots=True)
class _Item:
    file: str
    media_type: str
    properties: frozenset[str]


def parse(data: bytes) -> ParsedBook:
    """Parse an EPUB. Its chapters begin at all entries of its table of contents, or else at its headings.

    ParseError: bad-archive, archive-too-large, unreadable-book, unreadable-text.
    """
    archive = Archive(data)
    _check_encryption(archive)
    file = _package_file(archive)
    package = parse_xml(archive.read(file))
    items = _manifest(archive, package, file)
    parts = Parts(archive)
    spine = _spine(archive, package, items, parts)
    contents = _contents(parts, package, file, items)
    builder = _write_spine(parts, spine, contents)
    text = builder.text()
    if is_blank(text) and parts.first_error is not None:
        raise parts.first_error
    marks = _marks(builder, spine, contents)
    titles, authors, languages = (_metadata(package, wanted) for wanted in ("title", "creator", "language"))
    book = ParsedBook(
        format="epub",
        text=text,
        chapters=chapters_from_marks(text, marks, builder.kinds_at(0) or opening_kinds(text, marks)),
        pages=_pages(builder, contents),
        title=titles[0] if titles else None,
        author=", ".join(authors) or None,
        language=language.tag(languages[0] if languages else None),
        warnings=parts.warnings,
    )
    return gutenberg.strip_boilerplate(book)


def _check_encryption(archive: Archive) -> None:
    if _ENCRYPTION not in archive:
        return
    root = parse_xml(archive.read(_ENCRYPTION))
    methods = {each.get("Algorithm") for each in root.iter() if local_name(each) == "encryptionmethod"}
    if not methods <= _FONT_ALGORITHMS:
        raise ParseError(
            "bad-archive", "The EPUB is encrypted (protected against copying): no text can be read."
        )


def _package_file(archive: Archive) -> str:
    if _CONTAINER not in archive:
        raise ParseError("unreadable-book", f"The EPUB has no {_CONTAINER}, which names what is in it.")
    root = parse_xml(archive.read(_CONTAINER))
    files = [each.get("full-path") for each in root.iter() if local_name(each) == "rootfile"]
    if not files or not files[0]:
        raise ParseError("unreadable-book", f"The EPUB's {_CONTAINER} names no package.")
    return str(posixpath.normpath(files[0].replace("\\", "/")))


def _manifest(archive: Archive, package: Element, file: str) -> dict[str, _Item]:
    return {
        each.get("id"): _Item(
            _entry(archive, link_target(file, each.get("href")).partition("#")[0]),
            each.get("media-type") or "",
            frozenset((each.get("properties") or "").split()),
        )
        for each in package.iter()
        if local_name(each) == "item" and each.get("id") and each.get("href")
    }


def _entry(archive: Archive, file: str) -> str:
    """The archive's own name of a file, where it has the file."""
    return archive.find(file) or file


def _spine(archive: Archive, package: Element, items: dict[str, _Item], parts: Parts) -> list[_Item]:
    listed: dict[_Item, None] = {}  # a document that is listed twice is read once
    for each in (each.get("idref") for each in package.iter() if local_name(each) == "itemref"):
        if each in items:
            listed[items[each]] = None
        else:
            parts.warnings.append(
                f"The spine names {str(each)[:200]!r}, and the package does not say which file that is."
            )
    return [item for item in listed if _is_document(archive, item, parts)]


def _is_document(archive: Archive, item: _Item, parts: Parts) -> bool:
    """Whether an item is a document, by its type or, where another type or none is given, by its content."""
    if item.media_type in _DOCUMENTS or item.file not in archive:
        return True
    data = parts.read(item.file, _DOCUMENT)
    if data is None or _ROOT.search(data[:_ROOT_WITHIN]):
        return data is not None
    kind = item.media_type[:100] or "of no type"
    parts.warnings.append(f"{_DOCUMENT} {item.file[:200]!r} is left out: it is {kind}, no text.")
    return False


def _contents(parts: Parts, package: Element, file: str, items: dict[str, _Item]) -> Contents:
    """Read the navigation document, and the older tables for what it does not have."""
    found = Contents()
    for item in items.values():
        if "nav" in item.properties:
            root = parts.tree(item.file, _TABLE, parse_xhtml)
            found = found if root is None else read_navigation(root, item.file)
    older = [item.file for item in items.values() if item.media_type == "application/x-dtbncx+xml"]
    if older and not (found.entries and found.pages):
        root = parts.damaged_tree(older[0], _TABLE)
        old = Contents() if root is None else read_ncx(root, older[0])
        found.entries, found.pages = found.entries or old.entries, found.pages or old.pages
    found.kinds = read_guide(package, file) | found.kinds
    archive = parts.archive
    return Contents(
        entries=[(title, _place(archive, place)) for title, place in found.entries],
        pages=[(label, _place(archive, place)) for label, place in found.pages],
        kinds={_place(archive, place): kinds for place, kinds in found.kinds.items()},
    )


def _place(archive: Archive, place: str) -> str:
    """A place `file#id` or `file`, with the archive's own name of the file."""
    file, mark, fragment = place.partition("#")
    return f"{_entry(archive, file)}{mark}{fragment}"


def _write_spine(parts: Parts, spine: list[_Item], contents: Contents) -> TextBuilder:
    builder = TextBuilder()
    for item in spine:
        # The table of contents becomes chapters, not text.
        root = None if "nav" in item.properties else parts.tree(item.file, _DOCUMENT, parse_xhtml)
        if root is None:
            continue
        builder.end_paragraph()
        builder.add_anchor(item.file)
        builder.open_section(frozenset(contents.kinds.get(item.file, "").split()))
        write_tree(root, builder, item.file)
        builder.close_section()
    return builder


def _marks(builder: TextBuilder, spine: list[_Item], contents: Contents) -> list[ChapterMark]:
    """Mark the entries of the contents, or else the headings; and front and back matter that has no mark."""
    entries = [(title, place) for title, place in contents.entries if title and place in builder.anchors]
    if len(entries) < 2:
        entries = []
        marks = heading_marks(builder)
    else:
        marks = _at_entries(builder, entries)
    known = {mark.start for mark in marks}
    outside_body = False
    for item in spine:
        start = builder.anchors.get(item.file)
        if start is None:
            continue
        kinds = builder.kinds_at(start)
        before, outside_body = outside_body, is_body(kinds) is False
        # A title page that no table lists is a chapter of its own, and so is the text behind it.
        if start not in known and (outside_body or before):
            marks.append(ChapterMark("", start, start, item.file, kinds))
    # Of several marks at one place, the last is the innermost chapter; the others are empty.
    return sorted(marks, key=lambda mark: mark.start)


def _at_entries(builder: TextBuilder, entries: list[tuple[str, str]]) -> list[ChapterMark]:
    headings = {mark.start: mark for _, mark in builder.headings}
    marks = []
    for title, place in entries:
        start = builder.anchors[place]
        heading = headings.get(start)
        end = heading.end if heading else start
        marks.append(
            ChapterMark(heading_title([clean_text(title)]), start, end, place, builder.kinds_at(start))
        )
    return marks


def _pages(builder: TextBuilder, contents: Contents) -> list[PageSpan]:
    listed = [(label, builder.anchors[place]) for label, place in contents.pages if place in builder.anchors]
    found = sorted(listed or builder.pages, key=lambda page: page[1])
    return [PageSpan(label, start) for label, start in found]


def _metadata(package: Element, wanted: str) -> list[str]:
    metadata = [each for each in package.iter() if local_name(each) == "metadata"]
    found = [inner_text(each) for part in metadata for each in part.iter() if local_name(each) == wanted]
    return [clean_text(each).strip() for each in found if each]

"""Parses EPUB 2 and 3: the documents of the spine as one text, with titles from the table of contents."""

from collections.abc import Iterator

from app.parsing import language
from app.parsing.archive import Archive
from app.parsing.epub.package import DOCUMENT, Item, Package, read_package
from app.parsing.epub.parts import Parts
from app.parsing.epub.toc import Contents, read_guide, read_navigation, read_ncx
from app.parsing.html.markup import Element, inner_text, local_name, parse_xhtml
from app.parsing.html.reader import heading_marks, write_tree
from app.parsing.parsed import ParsedBook
from app.parsing.text import gutenberg
from app.parsing.text.chapter_marks import ChapterMark, chapters_from_marks, is_body, opening_kinds
from app.parsing.text.headings import heading_title
from app.parsing.text.text_builder import TextBuilder, clean_text
from store.segmentation import PageSpan, is_blank

_TABLE = "The table of contents"


def parse(data: bytes) -> ParsedBook:
    """Parse an EPUB. Its chapters begin at all entries of its table of contents, or else at its headings.

    ParseError: bad-archive, archive-too-large, unreadable-book, unreadable-text.
    """
    parts = Parts(Archive(data))
    package = read_package(parts)
    contents = _contents(parts, package)
    builder = _write_spine(parts, package.spine, contents)
    text = builder.text()
    if is_blank(text) and parts.first_error is not None:
        raise parts.first_error
    marks = _marks(builder, package.spine, contents)
    titles, authors, languages = (
        _metadata(package.root, wanted) for wanted in ("title", "creator", "language")
    )
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


def _contents(parts: Parts, package: Package) -> Contents:
    """Read the navigation document, and the older tables for what it does not have."""
    archive = parts.archive
    found = Contents()
    for item in package.items:
        if "nav" in item.properties:
            root = parts.tree(item.file, _TABLE, parse_xhtml)
            found = found if root is None else _in_archive(archive, read_navigation(root, item.file))
    # A table that no manifest names is better than none.
    older = package.older_tables or [name for name in archive.names if name.lower().endswith(".ncx")]
    if older and not (found.entries and found.pages):
        root = parts.damaged_tree(older[0], _TABLE)
        old = Contents() if root is None else _in_archive(archive, read_ncx(root, older[0]))
        found.entries, found.pages = found.entries or old.entries, found.pages or old.pages
    guide = _in_archive(archive, Contents(kinds=read_guide(package.root, package.file)))
    found.kinds = guide.kinds | found.kinds
    return found


def _in_archive(archive: Archive, found: Contents) -> Contents:
    """The same, with the archive's own names of files, and without what is in none of them."""

    def own(place: str) -> str | None:
        file, mark, fragment = place.partition("#")
        name = archive.find(file)
        return None if name is None else f"{name}{mark}{fragment}"

    return Contents(
        entries=[(title, place) for title, named in found.entries if (place := own(named))],
        pages=[(label, place) for label, named in found.pages if (place := own(named))],
        kinds={place: kinds for named, kinds in found.kinds.items() if (place := own(named))},
    )


def _write_spine(parts: Parts, spine: list[Item], contents: Contents) -> TextBuilder:
    builder = TextBuilder()
    for item in spine:
        # The table of contents becomes chapters, not text.
        root = None if "nav" in item.properties else parts.tree(item.file, DOCUMENT, parse_xhtml)
        if root is None:
            continue
        builder.end_paragraph()
        builder.add_anchor(item.file)
        builder.open_section(frozenset(contents.kinds.get(item.file, "").split()))
        write_tree(root, builder, item.file)
        builder.close_section()
    return builder


def _marks(builder: TextBuilder, spine: list[Item], contents: Contents) -> list[ChapterMark]:
    """Mark the entries of the contents, or else the headings; and front and back matter that has no mark."""
    entries = list(_found(builder, [(title, place) for title, place in contents.entries if title]))
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


def _found(builder: TextBuilder, entries: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The entries whose places are in the text. The first of those that name a place in a document that it
    does not have is at the document's start, unless another is there.
    """
    taken = {place for _, place in entries}
    for title, place in entries:
        file = place.partition("#")[0]
        if place in builder.anchors:
            yield title, place
        elif file in builder.anchors and file not in taken:
            taken.add(file)
            yield title, file


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

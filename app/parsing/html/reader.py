"""HTML: its words as a reader sees them, its headings as chapters. EPUB and DOCX are read through it too."""

import posixpath
from dataclasses import replace
from urllib.parse import unquote

from lxml import etree

from app.parsing import language
from app.parsing.html.markup import Element, attribute, name, page, said
from app.parsing.parsed import Format, Parsed
from app.parsing.text import gutenberg
from app.parsing.text.blocks import Blocks, clean
from app.parsing.text.chapter_marks import Mark, chapters

_UNSEEN = {
    *("head", "script", "style", "template", "noscript", "nav", "svg", "iframe", "object", "audio", "video"),
    *("canvas", "select", "button", "input", "textarea", "rt", "rp", "annotation", "annotation-xml"),
}
_UNSEEN_ROLES = {"navigation", "search", "doc-toc"}
_PARAGRAPHS = {
    *("p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote", "figure", "hr"),
    *("figcaption", "table", "ul", "ol", "dl", "pre", "fieldset", "form", "address", "center", "details"),
    *("summary", "body"),
}
_LINES = {"li", "dt", "dd", "tr", "caption", "br", "legend", "option"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHAPTERS_TO = 3
_IN_CELLS = {"p", "div"}
_SECTIONS = {"body", "section", "div", "article", "aside"}
_SIGNS = {"¶", "#", "§", "🔗", "↑", "↩", "↩︎"}
_LONGEST_NOTE_MARK = 5


def parse(data: bytes) -> Parsed:
    """Read an HTML page; its headings of the first three levels make its chapters.

    Raises ParseError unreadable-text.
    """
    return book_of_tree(page(data), "html")


def book_of_tree(root: Element | None, format: Format) -> Parsed:  # noqa: A002 - the word users know
    """Return the book in a tree of HTML."""
    if root is None:
        return Parsed(format, "", [])
    blocks = Blocks()
    write_tree(_main(root), blocks)
    text = blocks.text()
    titles = [said(each) for each in root.xpath('//*[local-name() = "head"]/*[local-name() = "title"]')]
    author = next((each.get("content") for each in root.iter("meta", "{*}meta") if _is_author(each)), None)
    first = next((mark.title for level, mark in blocks.headings if level == 1), None)
    book = Parsed(
        format=format,
        text=text,
        chapters=chapters(text, heading_marks(blocks)),
        pages=[],
        title=clean(next(filter(None, titles), "")).strip() or first,
        author=clean(author).strip() or None if author else None,
        language=language.tag(attribute(root, "lang")),
    )
    return gutenberg.stripped(book)


def heading_marks(blocks: Blocks) -> list[Mark]:
    """Return where the headings of the first three levels begin chapters."""
    return [
        replace(mark, kinds=blocks.kinds(mark.start))
        for level, mark in blocks.headings
        if level <= _CHAPTERS_TO
    ]


def write_tree(root: Element, blocks: Blocks, file: str = "") -> None:
    """Write what a reader sees of a tree of HTML; names of places are `file#id`, or `id` without a file."""
    prefix = f"{file}#" if file else ""
    as_it_is = 0
    in_cell = None
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = name(element)
        seen = tag and not _unseen(element, tag)
        if event == "start":
            _place(element, tag, blocks, prefix)
            if not seen:
                walk.skip_subtree()
                continue
            kinds = _kinds(element)
            if kinds:
                blocks.open_section(kinds)
            if tag in _HEADINGS:
                blocks.open_heading(_HEADINGS[tag])
            elif in_cell is None or tag not in _IN_CELLS:
                _begin(element, tag, blocks)
            if in_cell is None and tag in ("td", "th") and _is_short(element):
                in_cell = element
            as_it_is += tag == "pre"
            if tag == "a" and (short := _short_link(element)) is not None:
                blocks.words(short)
                walk.skip_subtree()
                continue
            _write(blocks, element.text, as_it_is)
        else:
            if seen:
                as_it_is -= tag == "pre"
                if element is in_cell:
                    in_cell = None
                if tag in _HEADINGS:
                    blocks.close_heading()
                elif tag in _PARAGRAPHS and (in_cell is None or tag not in _IN_CELLS):
                    blocks.paragraph()
                elif tag in _LINES:
                    blocks.line()
                if _kinds(element):
                    blocks.close_section()
            if element is not root:
                _write(blocks, element.tail, as_it_is)


def link_target(file: str, href: str) -> str:
    """Return the place that a link in `file` leads to, as `write` names places."""
    path, mark, fragment = href.partition("#")
    found = posixpath.normpath(posixpath.join(posixpath.dirname(file), unquote(path))) if path else file
    return f"{found}{mark}{unquote(fragment)}"


def _main(root: Element) -> Element:
    """The part of a page that is no frame around it, where it says which that is."""
    parts = root.xpath('//*[local-name() = "main" or @role = "main"]')
    return parts[0] if len(parts) == 1 and said(parts[0]) else root


def _unseen(element: Element, tag: str) -> bool:
    return (
        tag in _UNSEEN
        or "hidden" in element.attrib
        or element.get("role") in _UNSEEN_ROLES
        or _is_page_break(element)
    )


def _is_page_break(element: Element) -> bool:
    return attribute(element, "type") == "pagebreak" or element.get("role") == "doc-pagebreak"


def _short_link(link: Element) -> str | None:
    """What stands for a link to its own heading (nothing) or to a note (its mark, in brackets)."""
    text = said(link)
    if text in _SIGNS:
        return ""
    noted = "noteref" in (attribute(link, "type") or "") or link.get("role") == "doc-noteref"
    raised = name(link.getparent()) == "sup" or (len(link) == 1 and name(link[0]) == "sup" and not link.text)
    if text and len(text) <= _LONGEST_NOTE_MARK and (noted or raised):
        return text if text[0] in "[(" else f"[{text}]"
    return None


def _kinds(element: Element) -> frozenset[str]:
    if name(element) not in _SECTIONS:
        return frozenset()
    role = element.get("role") or ""
    return frozenset([*(attribute(element, "type") or "").split(), role.removeprefix("doc-")]) - {""}


def _place(element: Element, tag: str, blocks: Blocks, prefix: str) -> None:
    for each in {element.get("id"), element.get("name") if tag == "a" else None} - {None}:
        blocks.anchor(f"{prefix}{each}")
    if _is_page_break(element):
        label = element.get("title") or element.get("aria-label") or said(element)
        if label:
            blocks.page(label)


def _begin(element: Element, tag: str, blocks: Blocks) -> None:
    if tag in _PARAGRAPHS:
        if tag in ("ul", "ol") and name(element.getparent()) == "li":
            blocks.line()
        else:
            blocks.paragraph()
    elif tag in _LINES:
        blocks.line()
    elif tag in ("td", "th") and element.getprevious() is not None:
        blocks.words(" | " if _is_short(element) else " ")


def _is_short(cell: Element) -> bool:
    """Whether a table's cell holds a line or less, and so the table is no frame of a whole page."""
    return sum(name(each) in _PARAGRAPHS or name(each) in _HEADINGS for each in cell.iter()) <= 1


def _write(blocks: Blocks, text: str | None, as_it_is: int) -> None:
    if text:
        if as_it_is:
            blocks.as_it_is(text)
        else:
            blocks.words(text)


def _is_author(meta: Element) -> bool:
    return (meta.get("name") or "").lower() in ("author", "dc.creator", "dcterms.creator") and bool(
        meta.get("content")
    )

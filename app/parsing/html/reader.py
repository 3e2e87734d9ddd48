"""Parses HTML: the text that a reader sees, and chapters at its headings. EPUB and DOCX use it too."""

import posixpath
from dataclasses import replace
from urllib.parse import unquote

from lxml import etree

from app.parsing import language
from app.parsing.encoding import damage
from app.parsing.html.list_numbers import item_numbers
from app.parsing.html.markup import Element, attribute, inner_text, local_name, parse_html
from app.parsing.parsed import Format, ParsedBook
from app.parsing.text import gutenberg
from app.parsing.text.chapter_marks import ChapterMark, chapters_from_marks
from app.parsing.text.text_builder import TextBuilder, clean_text

_HIDDEN = {
    *("head", "script", "style", "template", "noscript", "nav", "svg", "iframe", "object", "audio", "video"),
    *("canvas", "select", "button", "input", "textarea", "rt", "rp", "annotation", "annotation-xml"),
}
_HIDDEN_ROLES = {"navigation", "search", "doc-toc"}
_PARAGRAPHS = {
    *("p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote", "figure", "hr"),
    *("figcaption", "table", "ul", "ol", "dl", "pre", "fieldset", "form", "address", "center", "details"),
    *("summary", "body"),
}
_LINES = {"li", "dt", "dd", "tr", "caption", "br", "legend", "option"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LOWEST_CHAPTER_LEVEL = 3
_INLINE_IN_CELLS = {"p", "div"}
_SECTIONS = {"body", "section", "div", "article", "aside"}
_ANCHOR_SIGNS = {"¶", "#", "§", "🔗", "↑", "↩", "↩︎"}
_LONGEST_NOTE_MARK = 5


def parse(data: bytes) -> ParsedBook:
    """Parse an HTML page; its chapters begin at its headings of the first three levels.

    ParseError: unreadable-text.
    """
    return replace(book_from_tree(parse_html(data), "html"), warnings=damage(data, markup=True))


def book_from_tree(root: Element | None, format: Format) -> ParsedBook:  # noqa: A002 - the word users know
    """Return the book in a tree of HTML; an empty one if there is no tree."""
    if root is None:
        return ParsedBook(format, "", [])
    builder = TextBuilder()
    write_tree(_main_part(root), builder)
    text = builder.text()
    titles = [inner_text(each) for each in root.xpath('//*[local-name() = "head"]/*[local-name() = "title"]')]
    author = next((each.get("content") for each in root.iter("meta", "{*}meta") if _is_author(each)), None)
    first = next((mark.title for level, mark in builder.headings if level == 1), None)
    book = ParsedBook(
        format=format,
        text=text,
        chapters=chapters_from_marks(text, heading_marks(builder)),
        pages=[],
        title=clean_text(next(filter(None, titles), "")).strip() or first,
        author=clean_text(author).strip() or None if author else None,
        language=language.tag(attribute(root, "lang")),
    )
    return gutenberg.strip_boilerplate(book)


def heading_marks(builder: TextBuilder) -> list[ChapterMark]:
    """Return the headings of the first three levels as chapter marks."""
    return [
        replace(mark, kinds=builder.kinds_at(mark.start))
        for level, mark in builder.headings
        if level <= _LOWEST_CHAPTER_LEVEL
    ]


def write_tree(root: Element, builder: TextBuilder, file: str = "") -> None:
    """Write the visible text of a tree of HTML. Its anchors are named `file#id`, or `id` without a file."""
    prefix = f"{file}#" if file else ""
    numbers = item_numbers(root)
    verbatim = 0
    in_cell = None
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = local_name(element)
        visible = tag and not _is_hidden(element, tag)
        if event == "start":
            _note_place(element, tag, builder, prefix)
            if not visible:
                walk.skip_subtree()
                continue
            kinds = _section_kinds(element)
            if kinds:
                builder.open_section(kinds)
            if tag in _HEADINGS:
                builder.open_heading(_HEADINGS[tag])
            elif in_cell is None or tag not in _INLINE_IN_CELLS:
                _begin_block(element, tag, builder)
            if element in numbers:
                builder.begin_item(numbers[element])
            if in_cell is None and tag in ("td", "th") and _is_short(element):
                in_cell = element
            verbatim += tag == "pre"
            if tag == "a" and (short := _link_text(element)) is not None:
                builder.write_words(short)
                walk.skip_subtree()
                continue
            _write(builder, element.text, verbatim)
        else:
            if visible:
                verbatim -= tag == "pre"
                if element is in_cell:
                    in_cell = None
                if element in numbers:
                    builder.end_item()
                if tag in _HEADINGS:
                    builder.close_heading()
                elif tag in _PARAGRAPHS and (in_cell is None or tag not in _INLINE_IN_CELLS):
                    builder.end_paragraph()
                elif tag in _LINES:
                    builder.end_line()
                if _section_kinds(element):
                    builder.close_section()
            if element is not root:
                _write(builder, element.tail, verbatim)


def link_target(file: str, href: str) -> str:
    """Return the name of the anchor that a link in `file` leads to, as `write_tree` names it."""
    folder = posixpath.dirname(file.replace("\\", "/"))
    path, mark, fragment = href.strip().replace("\\", "/").partition("#")
    found = posixpath.normpath(posixpath.join(folder, unquote(path))) if path else file
    return f"{found}{mark}{unquote(fragment)}"


def _main_part(root: Element) -> Element:
    """The element that the page marks as its main content, if there is just one with text; or the root."""
    parts = root.xpath('//*[local-name() = "main" or @role = "main"]')
    return parts[0] if len(parts) == 1 and inner_text(parts[0]) else root


def _is_hidden(element: Element, tag: str) -> bool:
    return (
        tag in _HIDDEN
        or "hidden" in element.attrib
        or element.get("role") in _HIDDEN_ROLES
        or _is_page_break(element)
        or _is_left_out_of_switch(element, tag)
    )


def _is_left_out_of_switch(element: Element, tag: str) -> bool:
    """Whether an EPUB's `switch` says the same in another way: by its default, else by its first case."""
    parent = element.getparent()
    if tag not in ("case", "default") or parent is None or local_name(parent) != "switch":
        return False
    ways = [each for each in parent if local_name(each) in ("case", "default") and inner_text(each)]
    said = next((each for each in ways if local_name(each) == "default"), ways[0] if ways else None)
    return element is not said


def _is_page_break(element: Element) -> bool:
    return attribute(element, "type") == "pagebreak" or element.get("role") == "doc-pagebreak"


def _link_text(link: Element) -> str | None:
    """What to write for a link to its own heading ("") or to a note (its mark in brackets); else None."""
    text = inner_text(link)
    if text in _ANCHOR_SIGNS:
        return ""
    is_note = "noteref" in (attribute(link, "type") or "") or link.get("role") == "doc-noteref"
    is_raised = local_name(link.getparent()) == "sup" or (
        len(link) == 1 and local_name(link[0]) == "sup" and not link.text
    )
    if text and len(text) <= _LONGEST_NOTE_MARK and (is_note or is_raised):
        return text if text[0] in "[(" else f"[{text}]"
    return None


def _section_kinds(element: Element) -> frozenset[str]:
    if local_name(element) not in _SECTIONS:
        return frozenset()
    role = element.get("role") or ""
    return frozenset([*(attribute(element, "type") or "").split(), role.removeprefix("doc-")]) - {""}


def _note_place(element: Element, tag: str, builder: TextBuilder, prefix: str) -> None:
    for each in {element.get("id"), element.get("name") if tag == "a" else None} - {None}:
        builder.add_anchor(f"{prefix}{each}")
    if _is_page_break(element):
        label = element.get("title") or element.get("aria-label") or inner_text(element)
        if label:
            builder.begin_page(label)


def _begin_block(element: Element, tag: str, builder: TextBuilder) -> None:
    if tag in _PARAGRAPHS:
        if tag in ("ul", "ol") and local_name(element.getparent()) == "li":
            builder.end_line()
        else:
            builder.end_paragraph()
    elif tag in _LINES:
        builder.end_line()
    elif tag in ("td", "th") and element.getprevious() is not None:
        builder.write_words(" | " if _is_short(element) else " ")


def _is_short(cell: Element) -> bool:
    """Whether a table's cell has at most one block; a table with longer cells is used for layout."""
    return sum(local_name(each) in _PARAGRAPHS or local_name(each) in _HEADINGS for each in cell.iter()) <= 1


def _write(builder: TextBuilder, text: str | None, verbatim: int) -> None:
    if text:
        if verbatim:
            builder.write_verbatim(text)
        else:
            builder.write_words(text)


def _is_author(meta: Element) -> bool:
    return (meta.get("name") or "").lower() in ("author", "dc.creator", "dcterms.creator") and bool(
        meta.get("content")
    )

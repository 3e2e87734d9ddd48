"""Reads an EPUB's tables: of contents, of printed pages, and of the kinds of its parts."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.parsing.html.markup import Element, attribute, inner_text, local_name
from app.parsing.html.reader import link_target


@dataclass
class Contents:
    """The tables of an EPUB: titles with their places, page labels with their places, and kinds by place.

    A place is named `file#id` or `file`; kinds are words of EPUB's vocabulary.
    """

    entries: list[tuple[str, str]] = field(default_factory=list)
    pages: list[tuple[str, str]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)


def read_navigation(root: Element, file: str) -> Contents:
    """Read EPUB 3's navigation document."""
    found = Contents()
    kinds_of = {nav: _kinds(nav) for nav in root.iter() if local_name(nav) == "nav"}
    if not any("toc" in kinds for kinds in kinds_of.values()):
        # One that does not say what it lists is the table of contents, where no other is.
        unnamed = next((nav for nav, kinds in kinds_of.items() if not kinds), None)
        kinds_of |= {} if unnamed is None else {unnamed: ["toc"]}
    for nav, kinds in kinds_of.items():
        links = [each for each in nav.iter() if local_name(each) == "a" and each.get("href")]
        places = [(inner_text(link), link_target(file, link.get("href"))) for link in links]
        if "toc" in kinds:
            found.entries += places
        elif "page-list" in kinds or "pagelist" in kinds:
            found.pages += places
        elif "landmarks" in kinds:
            for link, (_, place) in zip(links, places, strict=True):
                found.kinds.setdefault(place, attribute(link, "type") or "")
    return found


def read_ncx(root: Element, file: str) -> Contents:
    """Read EPUB 2's navigation control file."""
    return Contents(
        entries=list(_points(root, "navpoint", file)), pages=list(_points(root, "pagetarget", file))
    )


def read_guide(package: Element, file: str) -> dict[str, str]:
    """Return the kinds in EPUB 2's guide, by place."""
    references = [each for each in package.iter() if local_name(each) == "reference" and each.get("href")]
    return {link_target(file, each.get("href")): (each.get("type") or "").lower() for each in references}


def _kinds(nav: Element) -> list[str]:
    return (attribute(nav, "type") or (nav.get("role") or "").removeprefix("doc-")).split()


def _points(root: Element, tag: str, file: str) -> Iterator[tuple[str, str]]:
    for point in (each for each in root.iter() if local_name(each) == tag):
        own = {local_name(child): child for child in point}
        label, content = own.get("navlabel"), own.get("content")
        if label is not None and content is not None and content.get("src"):
            yield inner_text(label), link_target(file, content.get("src"))

"""Reads an EPUB's package: which files it has, and which of them are read in which order."""

import posixpath
import re
from dataclasses import dataclass

from app.parsing.archive import Archive
from app.parsing.encoding import decode
from app.parsing.epub.parts import Parts
from app.parsing.html.markup import Element, local_name, recover_xml
from app.parsing.html.reader import link_target
from app.parsing.parsed import ParseError

DOCUMENT = "The document"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Algorithms that only obfuscate fonts; text is never encrypted with them.
_FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_PACKAGE_TYPE = "application/oebps-package+xml"
_ROOT = re.compile(r"<(?:\w+:)?(?:html|body|dtbook)\b", re.IGNORECASE)
_ROOT_WITHIN = 2048
_DOCUMENT_TYPES = {
    *("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the manifest, by its name in the archive where it is in it."""

    id: str
    file: str
    media_type: str
    properties: frozenset[str]

    @property
    def is_typed_document(self) -> bool:
        """Whether its type is that of a document."""
        return self.media_type in _DOCUMENT_TYPES


@dataclass(frozen=True, slots=True)
class Package:
    """An EPUB's package: its `root`, its own `file`, the `items` of its manifest, and those that are read."""

    root: Element
    file: str
    items: list[Item]
    spine: list[Item]

    @property
    def older_tables(self) -> list[str]:
        """The files that may be EPUB 2's table of contents, the likeliest first."""
        named = {each.get("toc") for each in self.root.iter() if local_name(each) == "spine"}
        typed = [item.file for item in self.items if item.media_type == "application/x-dtbncx+xml"]
        others = [item.file for item in self.items if item.id in named or item.file.lower().endswith(".ncx")]
        return [*typed, *others]


def read_package(parts: Parts) -> Package:
    """Read an EPUB's package. What of it is damaged or missing is a warning of `parts` where the rest can do.

    ParseError: unreadable-book where there is no package; bad-archive where its documents are encrypted.
    """
    file = _package_file(parts)
    root = parts.damaged_tree(file, "The package")
    if root is None:
        raise parts.first_error or ParseError("unreadable-book", "The EPUB's package is empty.")
    items = _manifest(parts.archive, root, file)
    spine = _spine(root, items, parts)
    if _encrypted(parts.archive) & {"", *(item.file for item in spine)}:
        raise ParseError(
            "bad-archive", "The EPUB is encrypted (protected against copying): no text can be read."
        )
    return Package(root, file, items, [item for item in spine if _is_document(item, parts)])


def entry(archive: Archive, file: str) -> str:
    """Return the archive's own name of a file, where it has the file."""
    return archive.find(file) or file


def _package_file(parts: Parts) -> str:
    """The package that the container names; else the first in the archive."""
    archive = parts.archive
    root = parts.damaged_tree(_CONTAINER, "The container") if _CONTAINER in archive else None
    named = [each for each in ([] if root is None else root.iter()) if local_name(each) == "rootfile"]
    # Other renditions, such as a PDF, may be named beside it.
    named.sort(key=lambda each: each.get("media-type") not in (None, _PACKAGE_TYPE))
    files = [archive.find(posixpath.normpath(each.get("full-path") or "").strip()) for each in named]
    first = next(filter(None, files), None)
    if first is not None:
        return first
    found = next((name for name in archive.names if _is_package(name)), None)
    if found is None:
        raise parts.first_error or ParseError(
            "unreadable-book", f"The EPUB has no {_CONTAINER} that names a package in it, and no package."
        )
    parts.warnings.append(f"No package is where {_CONTAINER} says: {found[:200]!r} is taken for it.")
    return found


def _is_package(name: str) -> bool:
    # Archives of a Mac have a file of its own beside each, in a folder of its own.
    return name.casefold().endswith(".opf") and not name.startswith("__MACOSX")


def _manifest(archive: Archive, root: Element, file: str) -> list[Item]:
    return [
        Item(
            each.get("id").strip(),
            entry(archive, link_target(file, each.get("href")).partition("#")[0]),
            (each.get("media-type") or "").strip(),
            frozenset((each.get("properties") or "").split()),
        )
        for each in root.iter()
        if local_name(each) == "item" and each.get("id") and each.get("href")
    ]


def _spine(root: Element, items: list[Item], parts: Parts) -> list[Item]:
    """The items that the spine names, each file once; of several with one id, those that are documents."""
    listed: dict[str, Item] = {}
    for name in (each.get("idref") for each in root.iter() if local_name(each) == "itemref"):
        meant = [item for item in items if item.id == (name or "").strip()]
        if not meant:
            parts.warnings.append(
                f"The spine names {str(name)[:200]!r}, and the package does not say which file that is."
            )
        for item in [each for each in meant if each.is_typed_document] or meant:
            listed.setdefault(item.file, item)
    if not listed:
        documents = [item for item in items if item.is_typed_document]
        if documents:
            parts.warnings.append("The spine names no document: all are read, in the order of the manifest.")
        listed = {item.file: item for item in documents}
    return list(listed.values())


def _is_document(item: Item, parts: Parts) -> bool:
    """Whether an item is a document, by its type or, where another type or none is given, by its content."""
    if item.is_typed_document or item.file not in parts.archive:
        return True
    data = parts.read(item.file, DOCUMENT)
    if data is None:
        return False
    try:
        is_document = _ROOT.search(decode(data, markup=True)[:_ROOT_WITHIN]) is not None
    except ParseError:
        is_document = False
    if not is_document:
        kind = item.media_type[:100] or "of no type"
        parts.warnings.append(f"{DOCUMENT} {item.file[:200]!r} is left out: it is {kind}, no text.")
    return is_document


def _encrypted(archive: Archive) -> set[str]:
    """The files that are encrypted, in more than the way of fonts; "" for one that is not named."""
    root = recover_xml(archive.read(_ENCRYPTION)) if _ENCRYPTION in archive else None
    found = set()
    for each in [] if root is None else root.iter():
        if local_name(each) != "encrypteddata":
            continue
        own = {local_name(part): part for part in each.iter()}
        method, place = own.get("encryptionmethod"), own.get("cipherreference")
        if method is not None and method.get("Algorithm") not in _FONT_ALGORITHMS:
            found.add("" if place is None else entry(archive, link_target("", place.get("URI") or "")))
    return found

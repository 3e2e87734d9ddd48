"""What stands beside a book's file in a library of Calibre: title, authors, tags and language in an OPF."""

from dataclasses import dataclass
from pathlib import Path

from app.adding.formats import named_format
from app.parsing import language
from app.parsing.html.markup import Element, attribute, inner_text, local_name, recover_xml
from app.parsing.parsed import ParseError
from app.schemas.books import NAME_LENGTH
from store.tags import fitting_tags

OPF = "metadata.opf"
# Beside the book's formats, Calibre keeps further files of a book in this folder.
DATA = "data"
_MOST_BYTES = 5_000_000
# What Calibre writes where it knows no author.
_UNKNOWN = "Unknown"


@dataclass(frozen=True)
class About:
    """What is said of a book beside its file; `language` is a BCP 47 tag, None and () are not said."""

    title: str | None = None
    author: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()

    def or_else(self, other: "About") -> "About":
        """Return this, and of what it does not say what `other` does."""
        return About(
            self.title or other.title,
            self.author or other.author,
            self.language or other.language,
            self.tags or other.tags,
        )


def is_calibre_folder(folder: Path) -> bool:
    """Whether a folder has one book of Calibre, in any number of formats."""
    return (folder / OPF).is_file()


def beside(file: Path) -> About:
    """Read what the OPF of a book's file says: the one of its own name, or else the folder's `metadata.opf`.

    That of the folder says nothing where files of several names lie beside it. Nor does one that cannot be
    read.
    """
    own, shared = file.with_suffix(".opf"), file.parent / OPF
    try:
        opf = own if own.is_file() else shared
        if not opf.is_file() or (opf == shared and not _alone(file)):
            return About()
        with opf.open("rb") as stream:
            return _about(stream.read(_MOST_BYTES))
    except (OSError, ParseError):
        return About()


def _alone(file: Path) -> bool:
    """Whether all books beside a file have its name, in other formats."""
    return all(each.stem == file.stem for each in file.parent.iterdir() if named_format(each))


def _about(data: bytes) -> About:
    package = recover_xml(data)
    if package is None:
        return About()
    titles, subjects, languages = (_texts(package, name) for name in ("title", "subject", "language"))
    authors = [name for name in _authors(package) if name != _UNKNOWN]
    return About(
        title=titles[0][:NAME_LENGTH] if titles else None,
        author=", ".join(authors)[:NAME_LENGTH] or None,
        language=language.tag(languages[0] if languages else None),
        tags=tuple(fitting_tags(subjects)),
    )


def _authors(package: Element) -> list[str]:
    """The creators who are authors by their roles, which EPUB 3 keeps in elements of their own."""
    roles = {
        attribute(each, "refines"): inner_text(each)
        for each in package.iter()
        if local_name(each) == "meta" and attribute(each, "property") == "role"
    }
    creators = [
        (inner_text(each), attribute(each, "role") or roles.get(f"#{attribute(each, 'id')}") or "aut")
        for each in package.iter()
        if local_name(each) == "creator"
    ]
    named = [(name, role) for name, role in creators if name]
    return [name for name, role in named if role == "aut"] or [name for name, _ in named]


def _texts(package: Element, wanted: str) -> list[str]:
    found = [inner_text(each) for each in package.iter() if local_name(each) == wanted]
    return [text for text in found if text]

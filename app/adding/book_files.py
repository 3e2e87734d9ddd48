"""Finds the files of books: those that are named, those in folders, and those that a pattern fits."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.adding.calibre import DATA, OPF, is_calibre_folder
from app.adding.formats import named_format, rank

_CALIBRES_OWN = {OPF, "metadata.db", "metadata_db_prefs_backup.json", "cover.jpg"}
_DIGITS = re.compile(r"([0-9]+)")


@dataclass
class BookFiles:
    """The `files` of books in their order, each once; of one book in several formats of Calibre the best.

    `missing` are words that name nothing, each with the reason; `unread` folders of Calibre in which no
    format is one that is read here; `closed` folders that cannot be listed.
    """

    files: list[Path] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def find(words: Sequence[str]) -> BookFiles:
    """Find the books that words name: files, folders with all that is in them, and patterns.

    A file that is named is taken whatever its format, as the service looks into it. In folders and by
    patterns those with a known ending are found; hidden files and what is Calibre's own are left out.
    Patterns are those of `glob`: `*`, `?`, `[...]`, and `**` for folders in folders.
    """
    found = BookFiles()
    files: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            here = list(_in_folder(path, found))
            if not here and path not in found.closed:
                found.missing[word] = "There is no book in this folder."
        elif path.exists() or not glob.has_magic(word):
            here = [path]
        else:
            here = list(_fitting(path, found))
            if not here:
                found.missing[word] = "No book fits this pattern."
        files += here
    if len(files) > 1:
        files = [file for file in files if file.name not in _CALIBRES_OWN]
    once: dict[Path, Path] = {}
    for file in files:
        once.setdefault(file.absolute(), file)
    found.files = _best(list(once.values()))
    return found


def _fitting(pattern: Path, found: BookFiles) -> Iterator[Path]:
    # Unlike Path.glob it leaves hidden files out.
    for name in sorted(glob.glob(str(pattern), recursive=True), key=_natural):  # noqa: PTH207
        path = Path(name)
        if path.is_dir():
            yield from _in_folder(path, found)
        elif named_format(path) is not None:
            yield path


def _in_folder(folder: Path, found: BookFiles) -> Iterator[Path]:
    """The books in a folder and in those within it, in the order of a person: 2 goes before 10."""
    seen: set[tuple[int, int]] = set()

    def closed(error: OSError) -> None:
        found.closed.append(Path(error.filename))

    for name, folders, files in os.walk(folder, onerror=closed, followlinks=True):
        root = Path(name)
        try:
            place = root.stat()
        except OSError:
            found.closed.append(root)
            folders.clear()
            continue
        # A link may lead back to where it is.
        if (place.st_dev, place.st_ino) in seen:
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        calibres = OPF in files
        folders[:] = sorted(
            (each for each in folders if not _hidden(each) and not (calibres and each == DATA)), key=_natural
        )
        books = [root / each for each in sorted(files, key=_natural) if not _hidden(each)]
        books = [each for each in books if named_format(each) is not None]
        if calibres and not books:
            found.unread.append(root)
        yield from books


def _best(files: list[Path]) -> list[Path]:
    """Of files of one name in a folder of Calibre, the one that is read best, where the first of them was."""
    chosen: dict[Path, Path] = {}
    for file in files:
        book = file.with_suffix("") if is_calibre_folder(file.parent) else file
        if book not in chosen or rank(file) < rank(chosen[book]):
            chosen[book] = file
    return list(chosen.values())


def _hidden(name: str) -> bool:
    # Word keeps a file of this name beside a document that is open.
    return name.startswith((".", "~$"))


def _natural(name: str) -> list[tuple[int, str]]:
    """The order of names: digits as numbers, letters in either case."""
    parts = _DIGITS.split(name.casefold())
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]

"""A watched folder: what is new, changed and gone in it, and which of its files is which book."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ValidationError

from app.adding.book_files import find

# Hidden, so that it is no book and is not shown among them.
FILE = ".bookchorus.json"


class Stamp(BaseModel, frozen=True):
    """By what a file is taken to be the same without reading it: its size, and when it was changed."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, file: Path) -> Self:
        """Return a file's stamp. OSError: it is not there."""
        found = file.stat()
        return cls(size=found.st_size, mtime_ns=found.st_mtime_ns)


class Kept(BaseModel, frozen=True):
    """A file that the service has: its book, the SHA-256 of its bytes, and its stamp."""

    book: str
    sha256: str
    stamp: Stamp


class _Content(BaseModel):
    version: Literal[1] = 1
    files: dict[str, Kept] = {}


@dataclass(frozen=True)
class Look:
    """What one look at a folder found, in paths within it.

    `ready` are files that are to be sent: they are as they were at the look before, and not as the service
    has them. `gone` are files that the service has, and that were not there at the look before either.
    `growing` says that others may still be written, `empty` that no book is left in the folder.
    """

    ready: dict[Path, Stamp]
    gone: list[Path]
    growing: bool
    empty: bool


class WatchedFolder:
    """A folder, and what is `kept` of each of its files that the service has, by its path within the folder.

    This is read from `FILE` in the folder, and written to it by `save`. Without it files are known by their
    content alone: one that changed or went meanwhile is then not known any more. `refused` are the stamps of
    files that the service does not take as they are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.refused: dict[Path, Stamp] = {}
        self._seen: dict[Path, Stamp] = {}
        self._absent: set[Path] = set()
        try:
            content = _Content.model_validate_json((self.path / FILE).read_bytes())
        except (OSError, ValidationError):
            content = _Content()
        self.kept = {Path(name): one for name, one in content.files.items()}
        self._saved = dict(self.kept)

    def look(self) -> Look:
        """Look at the folder. OSError: it cannot be listed."""
        next(self.path.iterdir(), None)
        found = find([str(self.path)])
        now: dict[Path, Stamp] = {}
        for file in found.files:
            try:
                now[file.relative_to(self.path)] = Stamp.of(file)
            except OSError:
                # It went between the listing and here.
                continue
        settled = {path: stamp for path, stamp in now.items() if self._seen.get(path) == stamp}
        ready = {
            path: stamp
            for path, stamp in settled.items()
            # Whoever writes a file may make it empty first.
            if stamp.size > 0 and self.refused.get(path) != stamp and not self._has(path, stamp)
        }
        closed = [each.relative_to(self.path) for each in found.closed]
        absent = {
            path
            for path in self.kept
            if path not in now and not any(path.is_relative_to(each) for each in closed)
        }
        gone = sorted(absent & self._absent)
        growing = len(settled) < len(now)
        self._seen, self._absent = now, absent
        return Look(ready, gone, growing, not now)

    def earlier(self, path: Path) -> Path | None:
        """Return the file that a file took the place of: itself, or one of its name in another format."""
        if path in self.kept:
            return path
        others = (each for each in self.kept if each.with_suffix("") == path.with_suffix(""))
        return next((each for each in others if each not in self._seen), None)

    def save(self) -> bool:
        """Write what is kept, beside its place and then into it; return whether that could be done."""
        if self.kept == self._saved:
            return True
        # A name that is no UTF-8 cannot be written; its file is known by its content alone.
        files = {str(path): one for path, one in sorted(self.kept.items()) if _is_unicode(path)}
        new = self.path / f"{FILE}.new"
        try:
            new.write_text(_Content(files=files).model_dump_json(indent=1), encoding="utf-8")
            new.replace(self.path / FILE)
        except OSError:
            return False
        self._saved = dict(self.kept)
        return True

    def _has(self, path: Path, stamp: Stamp) -> bool:
        return path in self.kept and self.kept[path].stamp == stamp


def _is_unicode(path: Path) -> bool:
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError:
        return False
    return True

"""Reads zip archives from untrusted sources, within limits on their size."""

import io
import posixpath
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote

from app.parsing.parsed import ParseError

MOST_ENTRIES = 10_000
MOST_ENTRY_BYTES = 50_000_000
MOST_BYTES = 200_000_000
# Text is rarely compressed to less than a tenth; small entries, which may repeat one line, are exempt.
MOST_RATIO = 200
_RATIO_FROM_BYTES = 1_000_000
_CHUNK_BYTES = 65_536
_ENCRYPTED = 0x1
_UTF8 = 0x800


class Archive:
    """The entries of a zip archive, all checked before any is read.

    Entries whose names are not `wanted` are checked too, and then left out. ParseError bad-archive: an entry
    leads out of the archive, is a link, is encrypted or is damaged. ParseError archive-too-large: the entries
    exceed a limit, according to the archive's directory or when they are read.

    Of entries with one name the last counts, as in an archive to which a newer one was added; `doubled` are
    the names of those whose bytes are not all the same. With `one_of_each` such are ParseError bad-archive.
    """

    def __init__(
        self,
        data: bytes,
        wanted: Callable[[str], bool] = lambda _: True,
        *,
        one_of_each: bool = False,
        most_entries: int = MOST_ENTRIES,
        most_entry_bytes: int = MOST_ENTRY_BYTES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._most_entry_bytes = most_entry_bytes
        self._most_bytes = most_bytes
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise _damaged(error) from error
        entries = self._zip.infolist()
        if len(entries) > most_entries:
            raise ParseError(
                "archive-too-large",
                f"The archive has {len(entries)} entries; {most_entries} are allowed.",
                limit_entries=most_entries,
            )
        for entry in entries:
            _check(entry)
        chosen = [entry for entry in entries if wanted(_name(entry))]
        for entry in chosen:
            if entry.file_size > most_entry_bytes:
                raise _too_large(f"the entry {entry.filename[:200]!r}", most_entry_bytes)
        if sum(entry.file_size for entry in chosen) > most_bytes:
            raise _too_large("the archive", most_bytes)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self.doubled: set[str] = set()
        for entry in chosen:
            name = _name(entry)
            first = self._entries.get(name, entry)
            if (first.CRC, first.file_size) != (entry.CRC, entry.file_size):
                self.doubled.add(name)
            self._entries[name] = entry
        if one_of_each and self.doubled:
            raise ParseError("bad-archive", "The archive has two entries of one name.")
        self._alike: dict[str, list[str]] = {}
        for name in self._entries:
            self._alike.setdefault(folded_name(name), []).append(name)
        self._bytes_read = 0

    @property
    def names(self) -> list[str]:
        """The names of the entries, in the directory's order."""
        return list(self._entries)

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> str | None:
        """Return the name of the entry that is meant by `name`, or None.

        It is the entry of this name; or else the only one whose name is this to `folded_name`.
        """
        if name in self._entries:
            return name
        alike = self._alike.get(folded_name(name), [])
        return alike[0] if len(alike) == 1 else None

    def read(self, name: str) -> bytes:
        """Return the bytes of the entry that is meant by `name`.

        ParseError: as the class, or unreadable-book where there is none.
        """
        meant = self.find(name)
        if meant is None:
            raise ParseError("unreadable-book", f"The book names a file that is not in it: {name[:200]!r}.")
        entry = self._entries[meant]
        declared = entry.file_size
        # zipfile stops reading at the size in the directory; raise it, to notice an entry that is larger.
        entry.file_size = self._most_entry_bytes + 1
        data = bytearray()
        try:
            with self._zip.open(entry) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    data += chunk
                    self._bytes_read += len(chunk)
                    self._check_read(entry, len(data))
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
            OSError,
        ) as error:
            raise _damaged(error) from error
        finally:
            entry.file_size = declared
        if len(data) > declared:
            raise ParseError(
                "archive-too-large",
                f"The entry {name[:200]!r} is larger than the archive's directory says.",
                limit_bytes=declared,
            )
        return bytes(data)

    def _check_read(self, entry: zipfile.ZipInfo, size: int) -> None:
        name = f"the entry {entry.filename[:200]!r}"
        if size > self._most_entry_bytes:
            raise _too_large(name, self._most_entry_bytes)
        if self._bytes_read > self._most_bytes:
            raise _too_large("the archive", self._most_bytes)
        if size > max(_RATIO_FROM_BYTES, MOST_RATIO * entry.compress_size):
            raise ParseError(
                "archive-too-large",
                f"Unpacked, {name} is more than {MOST_RATIO} times as large as packed.",
                limit_ratio=MOST_RATIO,
            )


def folded_name(name: str) -> str:
    """Return an entry's name without what systems differ in that pack archives.

    That is its case, its Unicode form, percent-encoding, backslashes, and what says that a path begins here.
    """
    path = posixpath.normpath(unquote(name).replace("\\", "/")).lstrip("/")
    return unicodedata.normalize("NFC", path).casefold()


def _name(entry: zipfile.ZipInfo) -> str:
    """An entry's name, which may be UTF-8 without the flag that says so."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


def _check(entry: zipfile.ZipInfo) -> None:
    # zipfile cuts names at NUL and may convert backslashes: check the original name.
    name = entry.orig_filename
    shown = repr(name[:200])
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or name.startswith(("/", "\\")) or (parts and ":" in parts[0]) or "\0" in name:
        raise ParseError("bad-archive", f"The archive's entry {shown} leads out of it.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ParseError("bad-archive", f"The archive's entry {shown} is a link or is no file.")
    if entry.flag_bits & _ENCRYPTED:
        raise ParseError("bad-archive", f"The archive's entry {shown} is encrypted.")


def _too_large(what: str, limit: int) -> ParseError:
    return ParseError(
        "archive-too-large", f"Unpacked, {what} has more than {limit} bytes.", limit_bytes=limit
    )


def _damaged(error: Exception) -> ParseError:
    return ParseError("bad-archive", f"The archive is damaged: {error}.")

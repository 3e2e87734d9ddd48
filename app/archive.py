"""Zip archives: written while they are sent, and read without trusting what they say of themselves."""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

_MOST_ENTRIES = 1000


class ArchiveError(ValueError):
    """An archive is refused; `slug` is the stable name of the reason."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


def packed(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The bytes of an archive of files, each with its path, as soon as each is there.

    Nothing is compressed: learned numbers do not get smaller.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
            yield sink.taken()
    yield sink.taken()


def unpacked(
    data: bytes, wanted: Callable[[PurePosixPath], bool] = lambda _: True, *, most_bytes: int
) -> dict[PurePosixPath, bytes]:
    """The wanted files of an archive, by path, together at most `most_bytes`.

    Raises ArchiveError: bad-archive for what is no archive, is encrypted or damaged, or has an entry that
    leads out of its folder or is a link; archive-too-large for one that would unpack to more.
    """
    found: dict[PurePosixPath, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise ArchiveError("archive-too-large", f"The archive has more than {_MOST_ENTRIES} entries.")
            for entry in entries:
                _check(entry)
            chosen = [
                entry for entry in entries if not entry.is_dir() and wanted(PurePosixPath(entry.filename))
            ]
            # No more is ever read of an entry than it says it has: one that lies is a damaged one.
            if sum(entry.file_size for entry in chosen) > most_bytes:
                raise ArchiveError("archive-too-large", f"The archive holds more than {most_bytes:,} bytes.")
            for entry in chosen:
                found[PurePosixPath(entry.filename)] = archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ArchiveError("bad-archive", f"This is no zip archive that can be read: {error}") from error
    return found


def _check(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.orig_filename or ":" in entry.filename:
        raise ArchiveError("bad-archive", f"The entry {entry.filename!r} leads out of the archive.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError("bad-archive", f"The entry {entry.filename!r} is no file.")
    if entry.flag_bits & 1:
        raise ArchiveError("bad-archive", f"The entry {entry.filename!r} is encrypted.")


class _Sink(io.RawIOBase):
    """Takes what a ZipFile writes; it cannot be gone back in, so that nothing waits for the end."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        self._written.append(bytes(data))
        return len(self._written[-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._written)
        self._written.clear()
        return data

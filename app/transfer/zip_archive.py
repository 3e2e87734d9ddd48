"""Zip archives: written while they are sent, and read without trusting what their directory says."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from app.parsing.archive import Archive


def packed(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the bytes of an archive of files, given with their paths, as they come.

    Nothing is compressed: learned numbers do not get smaller.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
            yield sink.taken()
    yield sink.taken()


def unpacked(
    data: bytes,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
    *,
    most_entries: int,
    most_bytes: int,
) -> dict[PurePosixPath, bytes]:
    """The wanted files of an archive of at most `most_entries`, by path, together at most `most_bytes`.

    Raises ParseError bad-archive and archive-too-large, as `Archive` does, and bad-archive where two of them
    have one name.
    """

    def chosen(name: str) -> bool:
        return not name.endswith("/") and wanted(PurePosixPath(name))

    archive = Archive(
        data,
        chosen,
        one_of_each=True,
        most_entries=most_entries,
        most_entry_bytes=most_bytes,
        most_bytes=most_bytes,
    )
    return {PurePosixPath(name): archive.read(name) for name in archive.names}


class _Sink(io.RawIOBase):
    """Takes what a ZipFile writes. It cannot seek, so that no byte waits for the end."""

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

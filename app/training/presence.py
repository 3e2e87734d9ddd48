"""Which workers live on this machine: each holds a lock, which ends with its process, however that ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

# It is another after each start of the machine, and on another machine.
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Files of workers that were killed are removed after a day.
_KEPT_SECONDS = 86_400.0


class Presence:
    """The presence of one worker, from its making to `close`: a locked file of its name in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises OSError where the folder cannot be written to, or where its files cannot be locked."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self._path = folder / name
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._file, _boot())

    def has_ended(self, name: str) -> bool:
        """Whether the process of another worker has ended for certain; False where that is not known.

        It is known of a worker of this folder whose lock can be taken, on this machine and since its start.
        """
        return _left_behind(self._folder / name)

    def close(self) -> None:
        """End the presence."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._file)

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT_SECONDS and _left_behind(path):
                    path.unlink()


def _left_behind(path: Path) -> bool:
    """Whether nobody holds the lock of a worker's file any more."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.read(file, 100) == _boot()
    except OSError:
        return False
    finally:
        os.close(file)


def _boot() -> bytes:
    try:
        return _BOOT.read_bytes().strip()
    except OSError:
        return b"unknown"

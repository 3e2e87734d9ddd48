"""A lock on a file that many processes hold together or one alone; it ends when they do, however they end."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import InUseError, StoreBusyError

# Linux lists there who holds which lock: the kind, READ or WRITE, the process, and DEVICE:INODE of the file.
_LOCKS = Path("/proc/locks")


def share(path: Path) -> int:
    """Hold a lock together with others until the descriptor that is returned is closed.

    StoreBusyError: somebody holds it alone. OSError: the file cannot be made, or its folder has no locks.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StoreBusyError("A backup is being put into the database.") from error
    except OSError:
        os.close(file)
        raise
    return file


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock alone while the context lasts. InUseError: others hold it. OSError: as of `share`."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(_holders(os.fstat(file).st_ino)) from error
        yield
    finally:
        os.close(file)


def holders(path: Path) -> list[str]:
    """The processes that hold the lock, where the system tells; it is neither made nor taken for that."""
    try:
        return _holders(path.stat().st_ino)
    except OSError:
        return []


def _holders(inode: int) -> list[str]:
    """The processes that hold a lock on a file, where the system tells."""
    try:
        lines = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
    # Who waits for a lock has an arrow before the kind. The device is another one on some file systems.
    return [
        f"process {words[4]}"
        for words in lines
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode)
    ]

"""Processes on this machine, for tests that none is left behind."""

from pathlib import Path


def descendants(of: int) -> dict[int, str]:
    """Command lines of the processes that `of` started, and of those that these started, by their ids."""
    found: dict[int, str] = {}
    waiting = [of]
    while waiting:
        started = children(waiting.pop())
        found |= started
        waiting += started
    return found


def children(of: int) -> dict[int, str]:
    """Command lines of the processes that `of` started and that run or wait to be reaped, by their ids."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == of:
            found[int(stat.parent.name)] = command
    return found

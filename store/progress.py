"""The callback that long work reports its progress to."""

from collections.abc import Callable

# Called with what is worked on, how many of it are done, and how many there are: ("passages", 4000, 10000).
OnProgress = Callable[[str, int, int], None]


def ignore_progress(what: str, done: int, total: int) -> None:
    """Do nothing."""

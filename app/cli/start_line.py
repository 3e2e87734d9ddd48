"""One line on a terminal that says what a start is at. It is there at once: nothing is imported for it."""

import os
import sys


def say(what: str) -> None:
    """Put it in place of what was said before; nothing where standard error is no terminal."""
    if shown():
        sys.stderr.write(f"\r\x1b[K{what} …")
        sys.stderr.flush()


def clear() -> None:
    """Take the line away, for what is printed next."""
    if shown():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def shown() -> bool:
    """Whether standard error is a terminal on which a line can be replaced."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

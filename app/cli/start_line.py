"""One line on a terminal that says what a start is at. It is there at once: nothing is imported for it."""

import os
import sys


def say(what: str) -> None:
    """Put it in place of what was said before; nothing where standard error is no terminal."""
    if _shown():
        sys.stderr.write(f"\r\x1b[K{what} …")
        sys.stderr.flush()


def clear() -> None:
    """Take the line away, for what is printed next."""
    if _shown():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _shown() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

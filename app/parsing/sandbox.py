"""Parses books in child processes with limits on time and memory."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParsedBook, ParseError
from app.parsing.sniff import sniff

_CHILDREN_AT_ONCE = 2
_HARMLESS = frozenset({"txt", "md"})
# How a process ends that has used up its time or its memory.
_OVER_LIMITS = {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT}


class ReaderFaultError(Exception):
    """The reader of a format failed on a file: an error in a program, whose message has the traceback."""


@dataclass(frozen=True)
class ParserSandbox:
    """Parses each book in a child process; plain text and Markdown, which are harmless, in this one.

    The child has `seconds` of wall-clock time, as many of CPU time, and `memory_bytes` of address space. It
    has always ended when a book is returned or an error raised.
    """

    seconds: int
    memory_bytes: int
    most_characters: int = 10_000_000
    _places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_CHILDREN_AT_ONCE))

    async def parse(self, data: bytes, name: str = "", threads: CapacityLimiter | None = None) -> ParsedBook:
        """Do the same as `parse_blocking` in a thread, on those of a limiter where it is given.

        Two child processes run at once; books of their formats wait for them, plain text and Markdown do not.
        """
        book_format = await to_thread.run_sync(sniff, data, name, limiter=threads)
        own = threads if book_format in _HARMLESS else self._places
        return await to_thread.run_sync(self._read, data, book_format, limiter=own)

    def parse_blocking(self, data: bytes, name: str = "") -> ParsedBook:
        """Parse a book of any format; the file's `name` is used as `sniff` does.

        A text has at most `most_characters`, or as many as its file has bytes. ParseError, with the slugs
        book-too-large, book-empty, unreadable-text, bad-archive, archive-too-large,
        password-protected, no-text, unreadable-book and, for a file that takes too much time or memory,
        parse-timeout. ReaderFaultError: the fault is not the file's.
        """
        return self._read(data, sniff(data, name))

    def _read(self, data: bytes, book_format: Format) -> ParsedBook:
        if book_format in _HARMLESS:
            return parse_book(data, book_format)
        reply = self._run_child(data, book_format)
        if "book" in reply:
            return ParsedBook.from_dict(reply["book"])
        if "memory" in reply:
            raise self._over_limits()
        if crash := reply.get("crash"):
            raise ReaderFaultError(f"The reader of {book_format.upper()} failed.\n{crash}")
        raise ParseError(reply["slug"], reply["message"], **reply["limits"])

    def _run_child(self, data: bytes, book_format: Format) -> dict[str, Any]:
        limits = str(self.seconds), str(self.memory_bytes), str(max(self.most_characters, len(data)))
        command = [sys.executable, "-P", "-m", "app.parsing", book_format, *limits]
        # The child gets the import path and nothing else of the environment, which may hold keys.
        env = {"PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path)}
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            cwd="/",
        )
        with child:
            try:
                output, _ = child.communicate(data, timeout=self.seconds)
            except subprocess.TimeoutExpired:
                raise self._over_limits() from None
            finally:
                child.kill()
        if child.returncode in _OVER_LIMITS:
            raise self._over_limits()
        if child.returncode != 0:
            raise ReaderFaultError(f"The reader of {book_format.upper()} ended with {child.returncode}.")
        reply: dict[str, Any] = json.loads(output)
        return reply

    def _over_limits(self) -> ParseError:
        return ParseError(
            "parse-timeout",
            f"Reading it takes more than {self.seconds} seconds or {self.memory_bytes} bytes of memory.",
            limit_seconds=self.seconds,
            limit_bytes=self.memory_bytes,
        )

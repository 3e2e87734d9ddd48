"""Reads books in child processes of their own, with bounds on time and memory."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread

from app.parsing.formats import read
from app.parsing.parsed import Format, Parsed, ParseError
from app.parsing.sniff import sniff

log = logging.getLogger(__name__)

_AT_ONCE = 2
# How a process ends that had no more time, or no more memory.
_OVER_LIMITS = {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT}


@dataclass(frozen=True)
class Parser:
    """Reads books, each but plain text and Markdown in a process that has `seconds`, of the clock and of the
    processor, and `memory_bytes` of address space. The process has ended when there is a book or an error.
    """

    seconds: int = 60
    memory_bytes: int = 1_000_000_000
    _places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_AT_ONCE))

    async def parse(self, data: bytes, name: str = "") -> Parsed:
        """Do the same as `read` without holding up the event loop; two books at once, others wait."""
        return await to_thread.run_sync(self.read, data, name, limiter=self._places)

    def read(self, data: bytes, name: str = "") -> Parsed:
        """Read a book of any format; `name` only tells Markdown from plain text.

        Raises ParseError with the slugs book-empty, unreadable-text, bad-archive, archive-too-large,
        password-protected, no-text, unreadable-book and, for a file that takes more time or memory than it
        may, parse-timeout.
        """
        form = sniff(data, name)
        if form in ("txt", "md"):
            return read(data, form)
        said = self._child(data, form)
        if "book" in said:
            return Parsed.from_dict(said["book"])
        if "memory" in said:
            raise self._over_limits()
        if crash := said.get("crash"):
            log.error("A file of the format %s could not be read.\n%s", form, crash)
            raise ParseError("unreadable-book", f"The file is damaged: it cannot be read as {form.upper()}.")
        raise ParseError(said["slug"], said["message"], **said["limits"])

    def _child(self, data: bytes, form: Format) -> dict[str, Any]:
        command = [sys.executable, "-P", "-m", "app.parsing", form, str(self.seconds), str(self.memory_bytes)]
        # Nothing of this process's environment, keys above all, but where Python finds what it imports.
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
                answer, _ = child.communicate(data, timeout=self.seconds)
            except subprocess.TimeoutExpired:
                raise self._over_limits() from None
            finally:
                child.kill()
        if child.returncode in _OVER_LIMITS:
            raise self._over_limits()
        if child.returncode != 0:
            log.error("The reader of a file of the format %s ended with %s.", form, child.returncode)
            raise ParseError("unreadable-book", f"The file is damaged: it cannot be read as {form.upper()}.")
        said: dict[str, Any] = json.loads(answer)
        return said

    def _over_limits(self) -> ParseError:
        return ParseError(
            "parse-timeout",
            f"Reading it takes more than {self.seconds} seconds or {self.memory_bytes} bytes of memory.",
            limit_seconds=self.seconds,
            limit_bytes=self.memory_bytes,
        )

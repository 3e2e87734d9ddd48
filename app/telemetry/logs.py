"""Logs: a line for each record, as text or as JSON, with the request, job and book that it is about."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

# What goes on in this thread or request: each has a context of its own.
_ABOUT: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039 - it is never changed
_NAMES = ("request_id", "job_id", "book_id")
# What a record may bring beside its message.
_FIELDS = ("method", "path", "status", "seconds", "caller")


def configure(level: str, style: Literal["text", "json"]) -> None:
    """Send all records of at least this level, those of libraries too, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Say with each record that is made inside what it is about: request_id, job_id, book_id."""
    token = _ABOUT.set(_ABOUT.get() | ids)
    try:
        yield
    finally:
        _ABOUT.reset(token)


def is_about(**ids: str) -> None:
    """Say so for the rest of what goes on, such as of a request."""
    _ABOUT.set(_ABOUT.get() | ids)


class TextLines(logging.Formatter):
    """Lines to be read by people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(about)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback below it."""
        told = " ".join(f"{name}={_ABOUT.get()[name]}" for name in _NAMES if name in _ABOUT.get())
        record.about = f" [{told}]" if told else ""
        return super().format(record)


class JsonLines(logging.Formatter):
    """Lines to be read by programs: an object each, ASCII, whatever is in its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is a field of it."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: _ABOUT.get()[name] for name in _NAMES if name in _ABOUT.get()}
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)

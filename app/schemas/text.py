"""Text that cannot be kept: which of a request's strings hold it, and where."""

from collections.abc import Mapping, Sequence

from pydantic_core import PydanticCustomError

Where = tuple[str | int, ...]

WHAT = "Input should be text without NUL and without halves of surrogate pairs"


def unkept(value: object) -> Where | None:
    """Return where in a value, as JSON has them, a string stands that cannot be kept; None if there is none.

    Half of a surrogate pair has no UTF-8, and PostgreSQL keeps no NUL. A place is named by all keys and
    indices on the way to it; a key that cannot be kept itself is named as Python writes it.
    """
    waiting: list[tuple[Where, object]] = [((), value)]
    while waiting:  # without recursion: a body may be nested deeper than Python's stack
        where, found = waiting.pop()
        if isinstance(found, str):
            if not _is_kept(found):
                return where
        elif isinstance(found, Mapping):
            for key in found:
                if isinstance(key, str) and not _is_kept(key):
                    return (*where, ascii(key))
            waiting += [((*where, key), each) for key, each in found.items()]
        elif isinstance(found, Sequence) and not isinstance(found, bytes):
            waiting += [((*where, place), each) for place, each in enumerate(found)]
    return None


def refuse_unkept(value: object) -> object:
    """Return a model's value before it is validated. PydanticCustomError: a string cannot be kept."""
    where = unkept(value)
    if where is not None:
        raise PydanticCustomError("text_unkept", WHAT, {"where": where})
    return value


def _is_kept(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

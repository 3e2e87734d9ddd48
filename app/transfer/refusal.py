"""What an import is refused for, and the JSON in it that is not."""

import json
from typing import Any

from store.errors import PlainError

_MOST_JSON_BYTES = 1 << 24


class ImportRefusedError(PlainError, ValueError):
    """What was sent cannot become a version; `slug` names the reason, `more` has its details."""

    def __init__(self, slug: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.slug = slug
        self.more = more


def read_json(data: bytes, name: str, slug: str) -> Any:
    """Parse JSON that a database can keep: all numbers finite, no surrogate alone. ImportRefusedError: it is
    none.
    """
    if len(data) > _MOST_JSON_BYTES:
        raise ImportRefusedError(slug, f"{name} has more than {_MOST_JSON_BYTES:,} bytes.")
    try:
        found = json.loads(data)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ImportRefusedError(slug, f"{name} is no JSON that can be kept: {error}.") from error
    return found

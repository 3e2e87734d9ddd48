"""The child process of `ParserSandbox`: parses a book from standard input to JSON on standard output.

`python -m app.parsing FORMAT SECONDS MEMORY_BYTES CHARACTERS`
"""

import json
import os
import resource
import sys
import traceback
from typing import Any, cast

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParseError


def main() -> None:
    """Parse a book within the limits that the arguments give."""
    book_format, seconds, memory_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # Whatever a library prints goes to standard error, so that standard output is the reply alone.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        output.write(json.dumps(_reply(cast(Format, book_format), int(sys.argv[4]))).encode())


def _reply(book_format: Format, most_characters: int) -> dict[str, Any]:
    try:
        book = parse_book(sys.stdin.buffer.read(), book_format)
        if len(book.text) > most_characters:
            raise ParseError(
                "book-too-large",
                f"Its text has {len(book.text):,} characters, which is more than {most_characters:,}.",
                limit_characters=most_characters,
            )
        return {"book": book.as_dict()}
    except ParseError as error:
        return {"slug": error.slug, "message": str(error), "limits": error.limits}
    except MemoryError:
        return {"memory": "used up"}
    except Exception:
        return {"crash": traceback.format_exc()}


if __name__ == "__main__":
    main()

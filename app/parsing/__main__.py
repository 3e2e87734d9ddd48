"""The child process of `Parser`: a book from standard input, as JSON to standard output.

`python -m app.parsing FORMAT SECONDS MEMORY_BYTES`
"""

import json
import os
import resource
import sys
import traceback
from typing import Any, cast

from app.parsing.formats import read
from app.parsing.parsed import Format, ParseError


def main() -> None:
    """Read a book within the limits that the arguments give."""
    form, seconds, memory_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # What a library prints is no part of the answer.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        output.write(json.dumps(_answer(cast(Format, form))).encode())


def _answer(form: Format) -> dict[str, Any]:
    try:
        return {"book": read(sys.stdin.buffer.read(), form).as_dict()}
    except ParseError as error:
        return {"slug": error.slug, "message": str(error), "limits": error.limits}
    except MemoryError:
        return {"memory": "used up"}
    except Exception:
        return {"crash": traceback.format_exc()}


if __name__ == "__main__":
    main()

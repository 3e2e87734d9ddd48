"""The command that assistants start: it is there quickly, and ends with them."""

import subprocess
import sys

ENDED = """
import sys
from app.cli.commands import app
try:
    app(["mcp", "--url", "http://127.0.0.1:9"])
except SystemExit:
    pass
slow = {"torch", "transformers", "sqlalchemy", "numpy", "faiss", "fastapi", "app.http", "app.service"}
print(sorted(slow & set(sys.modules)), file=sys.stderr)
"""


def test_it_loads_nothing_of_the_service_and_ends_with_its_input() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    # Nothing but the protocol is on standard output.
    assert (done.stdout, done.stderr) == ("", "[]\n")

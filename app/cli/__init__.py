"""The command line. Commands import what they need themselves, so that `bookchorus ask` starts at once."""

import sys

from app.cli import start_line


def main() -> None:
    """Run the command line; the entry point of `bookchorus`."""
    for stream in (sys.stdout, sys.stderr):
        # Bars and book text must not end a command on a terminal that knows ASCII only.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if sys.argv[1:2] == ["serve"]:
        start_line.say("Starts")
    from app.cli.commands import app

    start_line.clear()
    app(prog_name="bookchorus")

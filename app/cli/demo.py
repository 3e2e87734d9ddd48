"""The command that shows Bookchorus on a sample book: it starts a service, and takes a tour of it."""

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.text import Text

from app.cli.output import one_line_errors

if TYPE_CHECKING:
    from app.cli.child_process import Child

HOST = "127.0.0.1"
PORT = 8000

app = typer.Typer()


@app.command()
def demo(
    then_exit: Annotated[bool, typer.Option("--exit", help="Stop at the end, for scripts.")] = False,
) -> None:
    """Start the service, learn a sample book, and ask it three questions."""
    with one_line_errors():
        run_demo(Console(), then_exit=then_exit)


def run_demo(console: Console, *, then_exit: bool) -> None:
    """Show the whole of Bookchorus on the sample book, then serve until Ctrl-C or, with `then_exit`, stop.

    Raises CommandError or ClientError when anything fails; the service is ended in every case.
    """
    from app.cli.child_process import Child
    from app.cli.tour import heading, tour
    from app.client import Client, ClientError
    from app.errors import CommandError
    from app.settings import load
    from app.terminal.theme import ACCENT, LABEL

    settings = load({"host": HOST})
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    folder = settings.data_dir / "demo"
    port = free_port()
    url = f"http://{HOST}:{port}"
    console.print(Text("Bookchorus", f"bold {ACCENT}").append(" on the sample book", LABEL))
    command = [sys.executable, "-P", "-m", "app.cli", "serve", "--end-with-stdin", "--host", HOST]
    command += ["--port", str(port), "--data-dir", str(folder)]
    with (
        Client(url, key, attempts=4) as client,
        Child(command, folder / "serve.log", _environment()) as child,
    ):
        try:
            heading(console, 1, "Start", f"the service at {url}, data and log in {folder}")
            with console.status("loads the frozen LLM, the retriever and the database"):
                child.wait_ready(client)
            tour(console, client)
            if not then_exit:
                _stay(console, child, url)
        except ClientError as error:
            if child.ended:
                raise CommandError(f"The service ended.\n{child.tail()}") from error
            raise
        finally:
            with console.status("stops the service"):
                child.stop()


def free_port() -> int:
    """Choose port 8000 where it is free, or else one that the system offers. CommandError: none is free."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    from app.errors import CommandError

    raise CommandError(f"No port of {HOST} is free.")


def _environment() -> dict[str, str]:
    """Return the child's environment: the user's, but for what would lead it to other data or other code."""
    environment = {name: value for name, value in os.environ.items() if name != "BOOKCHORUS_DATABASE_URL"}
    # With -P, a folder `app` where the user stands is not taken for ours; this names ours.
    here = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, environment.get("PYTHONPATH")]))
    return environment


def _stay(console: Console, child: "Child", url: str) -> None:
    """Leave the service running until Ctrl-C. CommandError: it ended by itself."""
    from app.errors import CommandError
    from app.terminal.theme import ACCENT, LABEL

    # As it can be typed here: the set-up's folder of programs is on nobody's PATH at first.
    program = "bookchorus" if shutil.which("bookchorus") else os.path.relpath(sys.argv[0])
    ask = f'{program} ask "…"' if url.endswith(f":{PORT}") else f'{program} ask "…" --url {url}'
    console.print(
        Group(
            Text.assemble("Its page is ", (url, f"bold {ACCENT}"), f" (API: {url}/docs)."),
            Text.assemble("Or ask on from another terminal: ", (ask, "bold")),
            Text("Ctrl-C stops it.", LABEL),
        )
    )
    try:
        child.wait()
    except KeyboardInterrupt:
        console.print()
        return
    raise CommandError(f"The service ended.\n{child.tail()}")

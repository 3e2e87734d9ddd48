"""The command line in this process."""

from functools import cache
from pathlib import Path

from typer import testing
from typer.testing import CliRunner, Result

from app.cli.commands import app
from tests.app.client.peer import Peer

# The commands do not change between two runs, and take longer to put together than most of them take to run.
vars(testing).update(_get_command=cache(vars(testing)["_get_command"]))


def bookchorus(*words: str, peer: Peer | None = None, typed: str | None = None, **variables: str) -> Result:
    """Run a command, with the peer as its service; one line holds 100 characters. `typed` is its input."""
    address = {"BOOKCHORUS_URL": peer.url} if peer else {}
    environment = {
        "BOOKCHORUS_ADMIN_KEY": None,
        "BOOKCHORUS_KEY": None,
        "COLUMNS": "100",
        **address,
        **variables,
    }
    return CliRunner().invoke(app, list(words), input=typed, env=environment, catch_exceptions=False)


def files_for(folder: Path) -> dict[str, str]:
    """A file to add, an adapter to import, and a folder to export to, by what the commands call them."""
    (folder / "tiger.md").write_text("# The Trap\n\nA tiger was caught.\n")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    names = {"FILE": "tiger.md", "DIR": "adapter", "OUT": "out"}
    return {word: str(folder / name) for word, name in names.items()}

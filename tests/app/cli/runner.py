"""The command line in this process."""

from typer.testing import CliRunner, Result

from app.cli.commands import app
from tests.app.client.peer import Peer


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

"""The commands of API keys, with a service's settings; a service that runs beside them knows at once."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from app.cli.options import DataDir, one_line_store_errors, settings_with
from app.cli.output import Json, Output, print_line

if TYPE_CHECKING:
    from store.database import Database

app = typer.Typer(help="API keys: who may use the service, and for what.", no_args_is_help=True)

# The same as app.schemas.keys.Role, which takes a while to import.
Role = Literal["reader", "writer", "admin"]
_MOST = 2**31 - 1


@app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.", metavar="NAME")],
    role: Annotated[
        Role,
        typer.Option(help="reader: list and ask; writer: also add, change and learn; admin: everything."),
    ] = "reader",
    owner: Annotated[
        str, typer.Option(help="The library: local is the one that is there without keys.")
    ] = "local",
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until it expires; never by default.")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, max=_MOST, help="Most requests in a minute.")] = None,
    books: Annotated[int | None, typer.Option(min=1, max=_MOST, help="Most books of its library.")] = None,
    size: Annotated[
        int | None, typer.Option("--bytes", min=1, max=2**62, help="Most bytes of text of its library.")
    ] = None,
    training_tokens: Annotated[
        int | None, typer.Option(min=1, max=2**62, help="Most tokens that its jobs read in all.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key, and show it: this once, for only its SHA-256 is kept."""
    with one_line_store_errors():
        from store import keys
        from store.tables import utcnow

        name, owner = _name(name, "NAME"), _name(owner, "--owner")
        with closing(_database(data_dir)) as database, database.write() as session:
            _, text = keys.add(
                session,
                name=name,
                role=role,
                owner=owner,
                expires_at=None if days is None else utcnow() + timedelta(days=days),
                limits=keys.Limits(rate, books, size, training_tokens),
            )
        Console(stderr=True).print("This is shown once: nobody can read it again.", style="dim")
        print_line(text)


@app.command("list")
def list_keys(
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List the keys, also those that are expired or revoked; none of them is shown."""
    with one_line_store_errors(as_json):
        from app import schemas
        from app.terminal.keys import keys_table
        from store import keys

        with closing(_database(data_dir)) as database, database.read() as session:
            found = [schemas.Key.model_validate(key) for key in keys.list_keys(session)]
        Output(as_json).show(schemas.KeyList(data=found), keys_table(found))


@app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id.", metavar="ID")], data_dir: DataDir = None
) -> None:
    """Revoke a key, for good and at once. Without any key in force the service still asks for one."""
    with one_line_store_errors():
        from store import keys

        with closing(_database(data_dir)) as database, database.write() as session:
            revoked = keys.revoke(session, key)
        print_line(f"The key {revoked.name!r} is revoked.")


def _name(text: str, option: str) -> str:
    """A name on one line. Raises typer.BadParameter for one that is empty, too long or not printable."""
    from app.schemas.keys import key_name

    try:
        return key_name(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _database(data_dir: Path | None) -> "Database":
    from app.resources.database import open_database

    return open_database(settings_with(data_dir=data_dir))

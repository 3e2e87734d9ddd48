"""What commands share: options, and the connection to the service."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import one_line_errors

if TYPE_CHECKING:
    from app.client import Client
    from app.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option(envvar="BOOKCHORUS_URL", help="Where the service answers.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar=["BOOKCHORUS_KEY", "BOOKCHORUS_ADMIN_KEY"], help="The key to the service.", show_envvar=True
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Where books and versions are kept.")]


def settings_with(**given: object) -> "Settings":
    """The settings, and in their place what was given on the command line: all that is not None.

    CommandError: a setting is not what is expected.
    """
    from app.settings import load

    return load({name: value for name, value in given.items() if value is not None})


@contextmanager
def one_line_store_errors(as_json: bool = False) -> Iterator[None]:
    """End the command as `one_line_errors` does, also for what the store or the file system refuses."""
    from app.errors import CommandError
    from store.errors import StoreError

    with one_line_errors(as_json):
        try:
            yield
        except (StoreError, OSError) as error:
            raise CommandError(str(error)) from error


@contextmanager
def connect(url: str, key: str | None, as_json: bool = False) -> Iterator["Client"]:
    """Connect to the service; what fails inside ends the command as `one_line_errors` does."""
    from app.client import Client

    with one_line_errors(as_json), Client(url, key) as client:
        yield client


def recipe_of_version(text: str | None) -> dict[str, Any] | None:
    """The recipe that `--recipe` gives, None where it is not given; it is checked before anything is sent.

    Raises typer.BadParameter for what is no recipe, and says which field is wrong.
    """
    recipe = json_object(text)
    if recipe is None:
        return None
    from pydantic import ValidationError

    from trainer.recipe import Recipe

    try:
        Recipe(**recipe)
    except ValidationError as error:
        told = [": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors()]
        raise typer.BadParameter("; ".join(told), param_hint="--recipe") from error
    return recipe


def json_object(text: str | None, option: str = "--recipe") -> dict[str, Any] | None:
    """An option's JSON object, None where it is not given. Raises typer.BadParameter for anything else."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        told = f"expected JSON such as '{{\"budget_seconds\": 600}}'; {error}"
        raise typer.BadParameter(told, param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter('expected an object such as {"budget_seconds": 600}', param_hint=option)
    return found


def next_command(client: "Client", *words: str) -> str:
    """A command to go on with, as it can be typed to reach the same service."""
    usual = os.environ.get("BOOKCHORUS_URL") or DEFAULT_URL
    elsewhere = () if client.url == usual.rstrip("/") else ("--url", client.url)
    return " ".join(["bookchorus", *words, *elsewhere])

"""The README against the code: its settings and its commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def examples() -> Iterator[str]:
    """What the README shows as code: indented lines and spans between backticks."""
    yield from re.findall(r"^    (.*)$", README, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", README)


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bBOOKCHORUS_[A-Z_]+\b", text))


def command_line() -> typer.core.TyperGroup:
    from app import cli

    command = typer.main.get_command(cli.app)
    assert isinstance(command, typer.core.TyperGroup)
    return command


def flags(command: Any) -> set[str]:
    """The options of a command, and of the commands below it."""
    below = command.commands.values() if isinstance(command, typer.core.TyperGroup) else []
    own = {flag for parameter in command.params for flag in parameter.opts}
    return own.union(*(flags(each) for each in below))


def settings() -> set[str]:
    from app.settings import Settings

    return {f"BOOKCHORUS_{name.upper()}" for name in Settings.model_fields}


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(BOOKCHORUS_\w+)` \|", section("Settings"), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == settings()


def test_the_defaults_of_settings_are_those_of_the_code() -> None:
    from app.settings import Settings

    rows = re.findall(r"^\| `BOOKCHORUS_(\w+)` \| `(.+?)` \|", section("Settings"), re.MULTILINE)
    assert rows
    for name, default in rows:
        assert str(Settings.model_fields[name.lower()].default) == default, name


def table(first_column: str) -> str:
    """The rows of the table with this first column."""
    _, _, rest = section("Use").partition(f"| {first_column} |")
    return rest.partition("\n\n")[0]


def test_every_field_of_an_ask_is_in_its_table() -> None:
    from app.schemas import AskRequest

    cells = re.findall(r"^\| (`.+?) \|", table("field of an ask"), re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(AskRequest.model_fields)


def test_the_table_of_a_recipe_is_that_of_the_code() -> None:
    from trainer.recipe import Recipe

    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table("recipe field"), re.MULTILINE))
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    assert rows == {name: "none" if it is None else f"`{it}`" for name, it in defaults.items()}


def test_every_variable_named_is_a_setting_or_read_by_a_client_command() -> None:
    read: set[str] = set()
    for command in command_line().commands.values():
        for parameter in command.params:
            names = parameter.envvar or []
            read |= {names} if isinstance(names, str) else set(names)
    assert variables(README) <= settings() | read


def test_every_command_and_option_shown_exists() -> None:
    commands = command_line().commands
    shown = [
        (name, set(re.findall(r"(?<!\S)--[a-z-]+", rest)))
        for example in examples()
        for name, rest in re.findall(r"\bbookchorus +([a-z][a-z-]*)(.*)", example)
    ]
    # `make demo` is how the README shows the demo.
    assert set(commands) - {"demo"} <= {name for name, _ in shown} <= set(commands)
    for name, options in shown:
        known = flags(commands[name])
        assert options <= known | {"--help"}, name


def test_every_target_of_make_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {name for example in examples() for name in re.findall(r"^make ([a-z]+)", example)}
    assert {"demo", "test"} <= shown <= targets

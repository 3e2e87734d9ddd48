"""The commands, as `--help` shows them."""

from typing import Any

import typer


def commands() -> dict[str, Any]:
    """Every command by its words, such as `skill train`."""
    from app.cli.commands import app

    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if isinstance(command, typer.core.TyperGroup):
            waiting += [(f"{name} {word}".strip(), each) for word, each in command.commands.items()]
        elif not command.hidden:
            found[name] = command
    return found


def flags(command: Any) -> set[str]:
    """The options of a command that `--help` shows."""
    shown = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    return {flag for each in shown for flag in (*each.opts, *each.secondary_opts)} - {"--help"}

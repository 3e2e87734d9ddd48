"""The command that says whether everything is there that a service needs."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options import settings_with
from app.cli.output import Json, Output

app = typer.Typer()


@app.command("doctor")
def examine_service(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where books and versions are kept.")] = None,
    model: Annotated[str | None, typer.Option(help='"embedded", a Hugging Face id, or a folder.')] = None,
    quantization: Annotated[str | None, typer.Option(help="auto, int8, nf4 or none.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.")] = None,
    as_json: Json = False,
) -> None:
    """Check what the service needs, with the options of serve, and say how to mend it; nothing is changed."""
    given = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "model": model,
        "quantization": quantization,
        "device": device,
    }
    from app.terminal.doctor import check_lines
    from app.terminal.theme import counted

    out, found = Output(as_json), []
    for check in _checks(given):
        found.append(check)
        if not as_json:
            for line in check_lines(check):
                out.console.print(line, soft_wrap=True)
    faults = sum(check.state == "fault" for check in found)
    if as_json:
        out.document({"ok": not faults, "checks": [asdict(each) for each in found]})
    elif faults:
        out.console.print(f"{counted(faults, 'fault')}.", style="bold")
    else:
        out.console.print("No fault: the service can start.", style="bold")
    if faults:
        raise typer.Exit(1)


def _checks(given: dict[str, Any]) -> Iterator[Any]:
    from app.doctor.check import Check
    from app.doctor.examination import examine
    from app.errors import CommandError

    try:
        settings = settings_with(**given)
    except CommandError as error:
        for line in str(error).splitlines():
            yield Check("settings", "fault", line, "Its values are in docs/settings.md.")
        return
    yield Check("settings", "ok", "They can be read.")
    yield from examine(settings)

"""The command that runs the service."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.cli.options import one_line_errors

app = typer.Typer()


@app.command("serve")
def run_service(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where books and versions are kept.")] = None,
    model: Annotated[str | None, typer.Option(help='"embedded", a Hugging Face id, or a folder.')] = None,
    quantization: Annotated[str | None, typer.Option(help="auto, int8, nf4 or none.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.")] = None,
    ends_with_stdin: Annotated[bool, typer.Option("--end-with-stdin", hidden=True)] = False,
) -> None:
    """Run the service. What is not given here comes from BOOKCHORUS_... variables."""
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "model": model,
        "quantization": quantization,
        "device": device,
    }
    with one_line_errors():
        if ends_with_stdin:
            from app.cli.child_process import end_with_stdin

            end_with_stdin()
        # A wrong setting is reported before the server is imported, which takes seconds.
        from app.settings import load

        settings = load({name: value for name, value in given.items() if value is not None})
        # On a terminal alone: in a file a start that fails is one line.
        with Console().status("loads the LLM") as status:
            from app.http.server import serve

            def ready() -> None:
                status.stop()
                url = f"http://{settings.host}:{settings.port}"
                typer.echo(f"Takes requests at {url} (API: {url}/docs). Ctrl-C stops it.")

            serve(settings, ready)

"""The commands that run the service, and a worker alone."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import start_line
from app.cli.options import settings_with
from app.cli.output import one_line_errors

if TYPE_CHECKING:
    from concurrent.futures import Future

    from app.settings import Settings
    from trainer.llm.frozen_llm import FrozenLLM

app = typer.Typer()

DataDir = Annotated[Path | None, typer.Option(help="Where books and versions are kept.")]
Model = Annotated[str | None, typer.Option(help='"embedded", a Hugging Face id, or a folder.')]
Quantization = Annotated[str | None, typer.Option(help="auto, int8, nf4 or none.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.")]
Artifacts = Annotated[str | None, typer.Option(help="A bucket for large artifacts: s3://BUCKET/PREFIX.")]
EndsWithStdin = Annotated[bool, typer.Option("--end-with-stdin", hidden=True)]


@app.command("serve")
def run_service(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: DataDir = None,
    model: Model = None,
    quantization: Quantization = None,
    device: Device = None,
    artifacts: Artifacts = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Have a Ray cluster answer and learn: its address, auto, or local for one here."),
    ] = None,
    answerers: Annotated[
        int, typer.Option(min=1, help="Processes that answer, where a cluster has none.")
    ] = 1,
    trainers: Annotated[int, typer.Option(min=0, help="Processes that learn books there.")] = 1,
    ends_with_stdin: EndsWithStdin = False,
) -> None:
    """Run the service. What is not given here comes from BOOKCHORUS_... variables."""
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "model": model,
        "quantization": quantization,
        "device": device,
        "artifacts": artifacts,
    }
    with _checked(given, ends_with_stdin) as settings, ExitStack() as stack:
        if cluster is None:
            with _quick_start():
                llm = _begin_to_load(settings)
                from app.service.assembly import start

                service = start(settings, llm, _say)
        else:
            from app.cluster.connection import connected

            _say(f"joins the cluster {cluster}, and starts what it lacks")
            there = stack.enter_context(connected(settings, cluster, answerers, trainers))
            with _quick_start():
                from app.cluster.web import web_service

                service = web_service(settings, there)
        from app.http.server import serve

        def ready() -> None:
            start_line.clear()
            url = f"http://{settings.host}:{settings.port}"
            typer.echo(f"Takes requests at {url} (API: {url}/docs). Ctrl-C stops it.")

        serve(service, ready)


@app.command("worker")
def run_worker(
    data_dir: DataDir = None,
    model: Model = None,
    quantization: Quantization = None,
    device: Device = None,
    artifacts: Artifacts = None,
    ends_with_stdin: EndsWithStdin = False,
) -> None:
    """Learn the books of a service, on the same database and LLM, in a process of its own.

    Start the service with BOOKCHORUS_TRAINS=false to leave all learning to workers.
    """
    given: dict[str, Any] = {
        "data_dir": data_dir,
        "model": model,
        "quantization": quantization,
        "device": device,
        "artifacts": artifacts,
        "trains": True,
    }
    with _checked(given, ends_with_stdin, listens=False) as settings:
        with _quick_start():
            llm = _begin_to_load(settings)
            from app.service.assembly import start

            service = start(settings, llm, _say)
        from app.service.service import work

        def ready() -> None:
            start_line.clear()
            typer.echo("Takes jobs. Ctrl-C stops it.")

        work(service, ready)


@contextmanager
def _checked(
    given: Mapping[str, Any], ends_with_stdin: bool, *, listens: bool = True
) -> Iterator["Settings"]:
    """The settings, once they are checked; what goes on is shown until the context ends."""
    with one_line_errors():
        if ends_with_stdin:
            from app.cli.child_process import end_with_stdin

            end_with_stdin()
        # What is wrong with the settings is told before anything slow is imported.
        from app.resources.start_checks import check_start

        settings = settings_with(**given)
        check_start(settings, listens=listens)
        if not start_line.shown():
            # A log has this one line; the next says that it is ready.
            typer.echo("Starts: loads the LLM. The first time that takes up to a minute, a download longer.")
        try:
            yield settings
        finally:
            start_line.clear()


@contextmanager
def _quick_start() -> Iterator[None]:
    """Import what is slow to import, for what is made within the context."""
    _say("imports PyTorch")
    from trainer.lean_imports import quick_start

    with quick_start():
        yield


def _begin_to_load(settings: "Settings") -> "Future[FrozenLLM]":
    """Begin to load the LLM, while the service is imported."""
    from app.resources.llm import begin_to_load_llm

    llm = begin_to_load_llm(settings)
    _say("loads the LLM and imports the service")
    return llm


def _say(what: str) -> None:
    start_line.say(f"Starts: {what}")

"""The command that says how large a service must be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.bench.scale.policy import Dispatch
from app.cli.output import one_line_errors, print_report


def scale_of_service(
    rate: Annotated[float, typer.Option(min=1e-9, help="Questions a second.")] = 1.0,
    p99: Annotated[
        float | None,
        typer.Option(
            "--within", min=0, help="Find the least numbers that answer 99 of 100 within so many seconds."
        ),
    ] = None,
    answerers: Annotated[int, typer.Option(min=1, help="GPUs with an LLM, without --within.")] = 1,
    replicas: Annotated[int, typer.Option(min=1, help="Web replicas, without --within.")] = 1,
    times: Annotated[
        Path | None, typer.Option(help="What was measured of a service; the options below go before it.")
    ] = None,
    web: Annotated[
        float | None, typer.Option(min=0, help="Seconds that a question takes a web replica.")
    ] = None,
    warm: Annotated[
        float | None, typer.Option(min=0, help="Seconds to answer a question whose passages are read.")
    ] = None,
    reading: Annotated[
        float | None, typer.Option(min=0, help="Seconds to read its passages before that.")
    ] = None,
    spread: Annotated[
        float, typer.Option(min=0, help="Standard deviation of these three, divided by the mean.")
    ] = 0.3,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Most questions that are answered in one pass.")
    ] = None,
    growth: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="What a further question adds to a pass, of its own time."),
    ] = None,
    place_bytes: Annotated[
        float | None, typer.Option(min=1, help="Bytes kept of what one question reads, such as 170e6.")
    ] = None,
    cache_bytes: Annotated[
        float, typer.Option(min=0, help="Bytes that an answerer keeps of what it has read, such as 60e9.")
    ] = float(1 << 30),
    books: Annotated[int, typer.Option(min=1, help="Books of the library.")] = 1000,
    zipf: Annotated[
        float,
        typer.Option(min=0, help="Exponent of Zipf's law of how often each is asked about; 0 is alike."),
    ] = 1.0,
    places: Annotated[
        int, typer.Option(min=1, help="Places of each that questions are about: passages, by 8 a question.")
    ] = 1,
    dispatch: Annotated[
        Dispatch, typer.Option(help="Which answerer is asked: version, least-loaded or random.")
    ] = "version",
    slack: Annotated[
        int, typer.Option(min=0, help="Of version: questions by which who has read may be busier.")
    ] = 2,
    questions: Annotated[int, typer.Option(min=1000, help="Questions to simulate.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there.")] = None,
) -> None:
    """How many GPUs and web replicas questions need, by a simulation of the service; no LLM is loaded."""
    with one_line_errors(), _options_checked():
        from app.bench.scale.report import ScaleReport, scale_table
        from app.bench.scale.service_times import service_times
        from app.bench.scale.setup import Library, Setup
        from app.bench.scale.simulation import simulate
        from app.bench.scale.sizing import least

        measured = service_times(
            times,
            {"web": web, "warm": warm, "reading": reading},
            spread,
            {"at_once": at_once, "growth": growth, "place_bytes": place_bytes},
        )
        setup = Setup(
            times=measured,
            library=Library(books=books, exponent=zipf, places=places),
            rate=rate,
            answerers=answerers,
            replicas=replicas,
            cache_bytes=cache_bytes,
            dispatch=dispatch,
            slack=slack,
            questions=questions,
            seed=seed,
        )
        found, outcome = (setup, simulate(setup)) if p99 is None else least(setup, p99)
        report = ScaleReport.of(found, outcome, p99)
    print_report(report, scale_table(report), json_file)


@contextmanager
def _options_checked() -> Iterator[None]:
    """Say in one line which value cannot be simulated, such as nan."""
    from pydantic import ValidationError

    from app.errors import CommandError

    try:
        yield
    except ValidationError as error:
        [problem, *_] = error.errors()
        name = str(problem["loc"][-1]) if problem["loc"] else "a value"
        raise CommandError(f"{problem['msg']}: {name} is {problem['input']}.") from error

"""What the command says of a simulation: as JSON and as a table."""

from typing import Self

from pydantic import BaseModel, ConfigDict
from rich.console import Group
from rich.text import Text

from app.bench.scale.hit_rate import hit_rate
from app.bench.scale.popularity import Zipf
from app.bench.scale.setup import Setup
from app.bench.scale.simulation import Outcome
from app.bench.scale.spread import Spread
from app.terminal.theme import LABEL, counted, ruled_table, size


class ScaleReport(BaseModel):
    """A simulated service: what was simulated, and what came of it. Shares are from 0 to 1.

    `hit_rate_by_che` is that of the caches of all answerers together where questions go by version, as if no
    place were kept twice, else that of one.
    """

    model_config = ConfigDict(frozen=True)

    setup: Setup
    # Seconds that 99 of 100 were to be within; None where the numbers were given.
    p99: float | None
    latency: Spread
    wait: Spread
    hit_rate: float
    hit_rate_by_che: float
    answerers_busy: float
    replicas_busy: float
    together: float

    @classmethod
    def of(cls, setup: Setup, outcome: Outcome, p99: float | None) -> Self:
        """The report on an outcome."""
        library, caches = setup.library, setup.answerers if setup.dispatch == "version" else 1
        return cls(
            setup=setup,
            p99=p99,
            latency=Spread.of(outcome.latency),
            wait=Spread.of(outcome.wait),
            hit_rate=outcome.hit_rate,
            hit_rate_by_che=hit_rate(
                Zipf(library.books, library.exponent), library.places, setup.kept * caches
            ),
            answerers_busy=outcome.answerers_busy,
            replicas_busy=outcome.replicas_busy,
            together=outcome.together,
        )


def scale_table(report: ScaleReport) -> Group:
    """What was simulated, the seconds, and how busy all were."""
    setup, times = report.setup, report.setup.times
    rows = ruled_table(expand=False)
    rows.add_column("seconds", no_wrap=True)
    for title in ("mean", "p50", "p95", "p99"):
        rows.add_column(title, justify="right", no_wrap=True)
    for name, one in (("wait", report.wait), ("until the answer", report.latency)):
        rows.add_row(name, *(f"{each:.3f}" for each in (one.mean, one.p50, one.p95, one.p99)))
    told = "at least " if report.p99 else ""
    head = (
        f"{setup.rate:g} questions a second: {told}{counted(setup.answerers, 'answerer')}, "
        f"{counted(setup.replicas, 'web replica')}"
    )
    workload = (
        f"{setup.library.books:,} books by Zipf's law of exponent {setup.library.exponent:g}, "
        f"{setup.library.places:,} places each; {setup.dispatch}; {setup.questions:,} questions simulated\n"
        f"a question takes {times.web.mean:.3f} s of a web replica and {times.warm.mean:.3f} s of an "
        f"answerer, {times.warm.mean + times.reading.mean:.3f} s with reading; up to {times.at_once} in a "
        "pass\n"
        f"an answerer keeps {size(int(setup.cache_bytes))}: {setup.kept:,} places of "
        f"{size(int(times.place_bytes))}"
    )
    notes = (
        f"read before: {report.hit_rate:.1%} of the questions (by Che's approximation "
        f"{report.hit_rate_by_che:.1%})",
        f"busy: answerers {report.answerers_busy:.0%}, web replicas {report.replicas_busy:.0%}; "
        f"{report.together:.2f} questions in a pass",
    )
    return Group(Text(head, "bold"), Text(workload, LABEL), rows, *map(Text, notes))

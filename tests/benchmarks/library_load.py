"""Questions about the books of a library at a stated rate, beside what `bookchorus bench scale` foretells.

    python -m tests.benchmarks.library_load --books 60 --context-bytes 12e6 --load .4 .7 --runs 3
    python -m tests.benchmarks.library_load --url http://127.0.0.1:8000 --rates 2 --times times.json

It adds books of generated text to a running service, or to one that it starts itself. It asks one question at
a time, about passages that the LLM has not read and about the same again, then many at once: these are the
service times, which `--times` writes for `bookchorus bench scale --times`. Then questions come as a Poisson
process about books by Zipf's law, however many wait (an open loop), and each is timed from when it was to be
sent, not from when it was. 429 and 503 are counted apart. A rate is in questions a second, a `--load` the
part of what the service could answer by its times. Beside each rate stands what a simulation by the times says.
"""

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np

from app.bench.scale.popularity import Zipf
from app.bench.scale.report import ScaleReport, Spread
from app.bench.scale.service_times import ServiceTimes, Times
from app.bench.scale.setup import Library, Setup
from app.bench.scale.simulation import simulate
from app.client import Client
from tests import tiny
from tests.question_places import book_of_places, question_about
from tests.service.conftest import plain_service

HANG_SECONDS = 300.0


@dataclass(frozen=True)
class Asked:
    """One ask: its status, seconds from when it was to be sent, and of these the LLM's."""

    status: str
    seconds: float
    llm: float


class Asker:
    """Asks about places of books by their numbers. `ids` are those of the books."""

    def __init__(self, http: httpx.AsyncClient, ids: Sequence[str], draw: Random) -> None:
        self._http = http
        self._ids = ids
        self._draw = draw

    async def ask(self, book: int, place: int, due: float | None = None) -> Asked:
        """Ask; `due` is when it was to be sent, on the monotonic clock, None is now."""
        due = time.monotonic() if due is None else due
        question = question_about(book, place, self._draw)
        # As a GPU answers: all passages in one pass.
        body = {"question": question, "books": [self._ids[book]], "adaptive": False, "min_confidence": 0}
        try:
            answer = await self._http.post("/ask", json=body)
        except httpx.HTTPError as error:
            return Asked(type(error).__name__, time.monotonic() - due, 0.0)
        seconds = time.monotonic() - due
        llm = answer.json()["timings"]["generate"] if answer.status_code == 200 else 0.0
        return Asked(str(answer.status_code), seconds, llm)

    async def kept(self) -> tuple[float, float]:
        """Bytes of the contexts that are kept, and how many were computed until now."""
        figures = (await self._http.get("/metrics")).text
        values = dict(line.rsplit(" ", 1) for line in figures.splitlines() if not line.startswith("#"))
        computed = next(
            value for name, value in values.items() if "context_reads" in name and "computed" in name
        )
        return float(values['bookchorus_cache_bytes{cache="contexts"}']), float(computed)


@dataclass(frozen=True)
class Measured:
    """What a service takes for a question, and how many contexts one reads."""

    times: ServiceTimes
    contexts: float


async def service_times(asker: Asker, library: Library, singles: int, at_once: int) -> Measured:
    """One ask at a time, never asked before and again; then many at once.

    The places of the least popular books are asked about. AssertionError: an ask was not answered.
    """
    places = [
        (library.books - 1 - number // library.places, number % library.places) for number in range(singles)
    ]
    await asker.ask(0, 0)  # what only the first ask does
    size, before = await asker.kept()
    cold, warm = [], []
    for number, place in enumerate(places):
        cold.append(await asker.ask(*place))
        warm.append(await asker.ask(*place))
        if number == 0:
            each, _ = await asker.kept()
    _, computed = await asker.kept()
    assert {one.status for one in (*cold, *warm)} == {"200"}, Counter(one.status for one in (*cold, *warm))
    answer = [one.llm for one in warm]
    alone = float(np.mean(answer))
    growth = 1.0
    if at_once > 1:
        # While a pass is answered, half of those under way wait for the next.
        began, number = time.monotonic(), 0
        while number < 3 * at_once or time.monotonic() - began < 5:
            wave = [asker.ask(*places[each % min(3, singles)]) for each in range(2 * at_once)]
            number += len(await asyncio.gather(*wave))
        together = (time.monotonic() - began) / number
        growth = min(1.0, max(0.0, (together / alone - 1 / at_once) / (1 - 1 / at_once)))
    times = ServiceTimes(
        web=Times.of([one.seconds - one.llm for one in (*cold, *warm)]),
        warm=Times.of(answer),
        reading=Times.of([max(0.0, one.llm - alone) for one in cold]),
        at_once=at_once,
        growth=growth,
        place_bytes=max(1.0, each - size),
    )
    return Measured(times, (computed - before) / singles)


async def open_loop(
    asker: Asker, library: Library, rate: float, seconds: float, random: np.random.Generator
) -> list[Asked]:
    """Ask at this rate for so long, whoever waits; returns when all have been answered."""
    number = max(1, int(random.poisson(rate * seconds)))
    due = np.sort(random.random(number)) * seconds
    books = Zipf(library.books, library.exponent).draw(random, number)
    places = random.integers(library.places, size=number)
    began, running = time.monotonic(), []
    for when, book, place in zip(due.tolist(), books.tolist(), places.tolist(), strict=True):
        await asyncio.sleep(max(0.0, began + when - time.monotonic()))
        running.append(asyncio.ensure_future(asker.ask(book, place, began + when)))
    return list(await asyncio.gather(*running))


async def fill(asker: Asker, library: Library, number: int, random: np.random.Generator) -> None:
    """Ask so many questions one after the other, so that what is kept is what would be kept later."""
    books = Zipf(library.books, library.exponent).draw(random, number)
    for book, place in zip(
        books.tolist(), random.integers(library.places, size=number).tolist(), strict=True
    ):
        await asker.ask(book, place)


async def at_rate(asker: Asker, setup: Setup, measured: Measured, seconds: float, run: int) -> dict[str, Any]:
    """Ask at the setup's rate, and simulate the same; what came of both, and how they differ."""
    random = np.random.default_rng(1000 + run)
    _, before = await asker.kept()
    asked = await open_loop(asker, setup.library, setup.rate, seconds, random)
    _, computed = await asker.kept()
    statuses = Counter(one.status for one in asked)
    answered = [one.seconds for one in asked if one.status == "200"]
    latency = Spread.of(answered) if answered else None
    read = (computed - before) / measured.contexts
    foretold = ScaleReport.of(setup, simulate(setup), None)
    return {
        "rate": setup.rate,
        "run": run,
        "asked": len(asked),
        "statuses": dict(statuses),
        "refused": statuses["429"] + statuses["503"],
        "latency": latency and latency.model_dump(),
        "hit_rate": 1 - read / len(answered) if answered else None,
        "foretold": foretold.latency.model_dump(),
        "foretold_hit_rate": foretold.hit_rate,
        "foretold_busy": foretold.answerers_busy,
        "machine_load": os.getloadavg()[0],
    }


def line(found: dict[str, Any]) -> str:
    """A row of the table: as measured, and as foretold."""
    real, told = found["latency"], found["foretold"]
    cells = [f"{found['rate']:.2f}", str(found["asked"]), str(found["refused"])]
    cells += [
        f"{real[name]:.3f}, {told[name]:.3f}" if real else "none" for name in ("mean", "p50", "p95", "p99")
    ]
    hits = found["hit_rate"]
    cells += [f"{hits:.1%}, {found['foretold_hit_rate']:.1%}" if hits is not None else "none"]
    cells += [f"{found['foretold_busy']:.0%}", f"{found['machine_load']:.1f}"]
    return f"| {' | '.join(cells)} |"


async def measure(url: str, ids: Sequence[str], asked: argparse.Namespace) -> dict[str, Any]:
    """Measure and print all; return it."""
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {asked.key}"} if asked.key else {}
    library = Library(books=len(ids), exponent=asked.zipf, places=asked.places)
    async with httpx.AsyncClient(
        base_url=url, timeout=HANG_SECONDS, limits=limits, headers=headers, trust_env=False
    ) as http:
        asker = Asker(http, ids, Random(asked.seed))
        rows: list[dict[str, Any]] = []
        kinds: list[ServiceTimes] = []
        for run in range(asked.runs):
            measured = await service_times(asker, library, asked.singles, asked.at_once)
            times = measured.times
            kinds.append(times)
            print(
                f"one ask: web {times.web.mean:.4f} s, warm {times.warm.mean:.4f} s, reading "
                f"{times.reading.mean:.4f} s; growth {times.growth:.2f}; a place {times.place_bytes:,.0f} "
                f"bytes in {measured.contexts:.1f} contexts; machine load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            if asked.times is not None:
                asked.times.write_text(times.model_dump_json(indent=2), encoding="utf-8")
            setup = Setup(times=times, library=library, cache_bytes=asked.context_bytes, seed=asked.seed)
            room = min(setup.kept, library.books * library.places)
            await fill(asker, library, min(asked.most_filling, 3 * room), np.random.default_rng(run))
            busy = simulate(setup.model_copy(update={"rate": 1e-6}))
            alone = times.warm.mean + (1 - busy.hit_rate) * times.reading.mean
            print(
                "| a second | asked | refused | mean, foretold | p50 | p95 | p99 | read before | busy | load |"
                f"\n{'|---' * 10}|"
            )
            for rate in (*asked.rates, *(load / alone for load in asked.load)):
                found = await at_rate(
                    asker, setup.model_copy(update={"rate": rate}), measured, asked.seconds, run
                )
                print(line(found), flush=True)
                rows.append(found)
    return {"rows": rows, "times": [each.model_dump() for each in kinds]}


@contextlib.contextmanager
def running(asked: argparse.Namespace) -> Iterator[Client]:
    """The service that is named, or one of our own which learns nothing."""
    if asked.url is not None:
        with Client(asked.url, asked.key) as client:
            yield client
        return
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or str(tiny.save(Path(folder, "model"), hidden_size=asked.hidden_size))
        settings = {"trains": "false", "context_bytes": str(int(asked.context_bytes))}
        with plain_service(Path(folder), "--model", model, **settings) as (client, _):
            yield client


def added(client: Client, books: int, places: int, words: int) -> list[str]:
    """The ids of so many books of generated text, which nobody learns."""
    ids = []
    for number in range(books):
        text = book_of_places(number, places, words)
        new = client.add(text, title=f"Book of places {number}")
        if new.job is not None:
            client.cancel(new.job.id)
        ids.append(new.book.id)
    return ids


def main(words: Sequence[str] | None = None) -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", help="a running service; without it one is started")
    parser.add_argument("--key", help="its key")
    parser.add_argument("--model", help="of the service that is started; without it a tiny LLM")
    parser.add_argument("--hidden-size", type=int, default=32, help="of the tiny LLM")
    parser.add_argument("--books", type=int, default=40)
    parser.add_argument("--places", type=int, default=1, help="places of each that questions are about")
    parser.add_argument("--words", type=int, default=400, help="words of a place")
    parser.add_argument("--zipf", type=float, default=1.0, help="exponent of how often books are asked about")
    parser.add_argument(
        "--context-bytes", type=float, default=float(1 << 30), help="what the service keeps of contexts"
    )
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="questions a second")
    parser.add_argument("--load", type=float, nargs="*", default=[], help="rates, as parts of the most")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each rate is kept")
    parser.add_argument("--runs", type=int, default=1, help="how often all is measured")
    parser.add_argument("--singles", type=int, default=20, help="questions that are asked one at a time")
    parser.add_argument("--at-once", type=int, default=6, help="questions that fit one pass")
    parser.add_argument("--most-filling", type=int, default=300, help="questions that fill the cache before")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=Path, help="write the service times there")
    parser.add_argument("--json", type=Path, help="write all that was measured there")
    asked = parser.parse_args(words)
    with running(asked) as client:
        ids = added(client, asked.books, asked.places, asked.words)
        found = asyncio.run(measure(client.url, ids, asked))
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

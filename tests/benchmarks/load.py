"""Asks that come at a stated rate while a book is learned: how long each takes, and what is refused.

    python -m tests.benchmarks.load --rates 1 2 4 8 16 --seconds 60 --p99 10
    python -m tests.benchmarks.load --minutes 60 --rates 0.5

Asks are sent by a clock, however many wait (an open loop): a service that is too slow is seen as such. A rate
is held where each of its asks is answered, 99 of 100 within `--p99` seconds. Beside them, once a second,
`/livez` and the list of books are called. Last, 100 and 200 asks come at once. Whoever is refused must be
told when to come again, and nobody may wait for longer than `--hang` seconds.

With `--minutes` there is one rate for so long, and the memory each minute: that of the service's process and
of those that it started, and how much of it is kept on purpose, of what the LLM has read and of members. At
the end stands how fast it grew in the second half.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx

from app.bench.scale.spread import Spread
from tests import tiny
from tests.long_book import long_book
from tests.processes import children
from tests.service.conftest import plain_service

RECIPE = {"objective": "lm", "epochs": 1000, "budget_seconds": 86_400}


class Meter:
    """Seconds of calls, by what was called and the status of the answer."""

    def __init__(self, http: httpx.AsyncClient, book: str) -> None:
        self._http = http
        self._book = book
        self._number = 0
        self.seconds: dict[tuple[str, str], list[float]] = {}
        self.without_retry_after = 0

    @property
    def asks(self) -> dict[str, list[float]]:
        """Seconds of the asks by the status of the answer, or by the error where none came."""
        return {status: seconds for (what, status), seconds in self.seconds.items() if what == "ask"}

    def holds(self, p99: float) -> bool:
        """Whether all asks were answered, 99 of 100 within so many seconds."""
        return list(self.asks) == ["200"] and Spread.of(self.asks["200"]).p99 <= p99

    async def ask(self) -> None:
        """Ask a question that was not asked before."""
        self._number += 1
        body = {"question": f"Who carried the bell {self._number} years ago?", "min_confidence": 0}
        await self._timed("ask", self._http.post("/ask", json={**body, "books": [self._book]}))

    async def look(self, path: str) -> None:
        """Get a page."""
        await self._timed(path, self._http.get(path))

    async def _timed(self, what: str, call: Awaitable[httpx.Response]) -> None:
        began = time.monotonic()
        try:
            answer = await call
            status = str(answer.status_code)
            self.without_retry_after += status in ("429", "503") and "retry-after" not in answer.headers
        except httpx.HTTPError as error:
            status = type(error).__name__
        self.seconds.setdefault((what, status), []).append(time.monotonic() - began)


async def by_clock(act: Callable[[], Awaitable[None]], per_second: float, seconds: float) -> None:
    """Begin to `act` so often, without waiting for what was begun; return when all have ended."""
    began = time.monotonic()
    running = []
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
        running.append(asyncio.ensure_future(act()))
    await asyncio.gather(*running)


async def at_rate(url: str, book: str, rate: float, seconds: float, hang: float) -> Meter:
    """Ask at this rate, and look meanwhile. An ask without a word for `hang` seconds is given up."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=hang, limits=limits, trust_env=False) as http:
        meter = Meter(http, book)
        looking = asyncio.ensure_future(_look_on(meter))
        await by_clock(meter.ask, rate, seconds)
        looking.cancel()
        return meter


async def at_once(url: str, book: str, asks: int, hang: float) -> Meter:
    """So many asks at once, and looks while they wait."""
    return await at_rate(url, book, asks * 1000.0, 0.001, hang)


async def for_long(url: str, book: str, rate: float, minutes: float, hang: float, process: int) -> Meter:
    """Ask at a rate for long, and print the memory each minute, and how it grew in the second half."""
    asking = asyncio.ensure_future(at_rate(url, book, rate, 60 * minutes, hang))
    began, hours, memory = time.monotonic(), [], []
    while not asking.done():
        hours.append((time.monotonic() - began) / 3600)
        memory.append(megabytes(process))
        kept = await cached(url)
        print(f"minute {60 * hours[-1]:.0f}: {memory[-1]:.1f} MB, {kept:.1f} MB kept on purpose", flush=True)
        await asyncio.wait([asking], timeout=60)
    half = len(hours) // 2
    if len(hours) - half > 1:
        slope = statistics.linear_regression(hours[half:], memory[half:]).slope
        print(
            f"memory in the second half: {min(memory[half:]):.0f} to {max(memory[half:]):.0f} MB, "
            f"{slope:+.1f} MB an hour"
        )
    return asking.result()


async def _look_on(meter: Meter) -> None:
    while True:
        await meter.look("/livez")
        await meter.look("/books")
        await asyncio.sleep(1)


def megabytes(process: int) -> float:
    """Resident memory of a process and of those that it started."""
    total = 0
    for each in (process, *children(process)):
        status = Path(f"/proc/{each}/status").read_text()
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total / 1000


async def cached(url: str) -> float:
    """Megabytes of all caches of a service."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
        figures = (await http.get("/metrics")).text
    sizes = [line.split()[-1] for line in figures.splitlines() if line.startswith("bookchorus_cache_bytes{")]
    return sum(map(float, sizes)) / 1e6


def show(what: str, meter: Meter, memory: float) -> None:
    """Print a line for each kind of answer.

    AssertionError: somebody was refused without a time to come again, or got no answer.
    """
    for (called, status), seconds in sorted(meter.seconds.items()):
        spread = Spread.of(seconds)
        cells = f"{len(seconds)} | {spread.p50:.3f} | {spread.p99:.3f} | {max(seconds):.3f}"
        print(f"| {what} | {called} {status} | {cells} |")
    print(f"| {what} | memory | | {memory:.0f} MB | | |", flush=True)
    assert not meter.without_retry_after, (
        f"{meter.without_retry_after} refusals do not say when to come again"
    )
    unanswered = {status: len(seconds) for status, seconds in meter.asks.items() if not status.isdigit()}
    assert not unanswered, f"asks without an answer: {unanswered}"


def main(words: Sequence[str] | None = None) -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[1.0, 4.0, 16.0], help="asks in a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each rate is kept")
    parser.add_argument("--p99", type=float, default=10.0, help="seconds that 99 of 100 must be within")
    parser.add_argument("--hang", type=float, default=300.0, help="seconds after which an ask hangs")
    parser.add_argument("--minutes", type=float, help="keep one rate for so long")
    parser.add_argument("--words", type=int, default=20_000, help="words of the book that is learned")
    parser.add_argument("--model", help="an LLM; without it a tiny one, which says nothing sensible")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or str(tiny.save(Path(folder, "model")))
        with plain_service(Path(folder), "--model", model) as (client, child):
            url = client.url
            book = Path(folder, "long.md")
            book.write_text(long_book(asked.words), encoding="utf-8")
            added = client.add(book, recipe=RECIPE)
            assert added.job is not None
            next(each for each in client.follow(added.job.id) if each.type == "metrics")
            process = child._process.pid
            head = "| asks | call | how many | p50, s | p99, s | most, s |\n|---|---|---|---|---|---|"
            if asked.minutes is not None:
                [rate, *_] = asked.rates
                meter = asyncio.run(for_long(url, added.book.id, rate, asked.minutes, asked.hang, process))
                print(head)
                show(f"{rate:g} a second", meter, megabytes(process))
            else:
                print(head)
                held = 0.0
                for rate in asked.rates:
                    meter = asyncio.run(at_rate(url, added.book.id, rate, asked.seconds, asked.hang))
                    show(f"{rate:g} a second", meter, megabytes(process))
                    held = max(held, rate if meter.holds(asked.p99) else 0.0)
                for asks in (100, 200):
                    meter = asyncio.run(at_once(url, added.book.id, asks, asked.hang))
                    show(f"{asks} at once", meter, megabytes(process))
                print(f"held, with 99 of 100 within {asked.p99:g} s: {held:g} asks a second")
            print(f"the book is {client.job(added.job.id).status}: it was learned all the time if it runs")


if __name__ == "__main__":
    main()

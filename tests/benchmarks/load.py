"""Asks that come at a stated rate while a book is learned: how long each takes, and what is refused.

    python -m tests.benchmarks.load --rates 1 4 16 --seconds 30

Asks are sent by a clock, however many wait (an open loop): a service that is too slow is seen as such. Beside
them, once a second, `/livez` and the list of books are called. Last, 100 asks come at once. Memory is that of
the service's process.
"""

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx

from app.cli.child_process import Child
from app.client import Client
from tests import tiny
from tests.long_book import long_book
from tests.processes import children

RECIPE = {"objective": "lm", "epochs": 1000, "budget_seconds": 86_400}


class Meter:
    """Seconds of calls, by what was called and the status of the answer."""

    def __init__(self, http: httpx.AsyncClient, book: str) -> None:
        self._http = http
        self._book = book
        self._number = 0
        self.seconds: dict[tuple[str, str], list[float]] = {}
        self.without_retry_after = 0

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


async def at_rate(url: str, book: str, rate: float, seconds: float) -> Meter:
    """Ask at this rate, and look meanwhile."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits, trust_env=False) as http:
        meter = Meter(http, book)
        looking = asyncio.ensure_future(_look_on(meter))
        await by_clock(meter.ask, rate, seconds)
        looking.cancel()
        return meter


async def at_once(url: str, book: str, asks: int) -> Meter:
    """So many asks at once, and looks while they wait."""
    return await at_rate(url, book, asks * 1000.0, 0.001)


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


def show(what: str, meter: Meter, memory: float) -> None:
    """Print a line for each kind of answer."""
    for (called, status), seconds in sorted(meter.seconds.items()):
        p50, p99 = statistics.median(seconds), sorted(seconds)[int(0.99 * (len(seconds) - 1))]
        print(f"| {what} | {called} {status} | {len(seconds)} | {p50:.3f} | {p99:.3f} | {max(seconds):.3f} |")
    assert not meter.without_retry_after, (
        f"{meter.without_retry_after} refusals do not say when to come again"
    )
    print(f"| {what} | memory | | {memory:.0f} MB | | |", flush=True)


def main(words: Sequence[str] | None = None) -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[1.0, 4.0, 16.0], help="asks in a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each rate is kept")
    parser.add_argument("--words", type=int, default=20_000, help="words of the book that is learned")
    parser.add_argument("--model", help="an LLM; without it a tiny one, which says nothing sensible")
    asked = parser.parse_args(words)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or str(tiny.save(Path(folder, "model")))
        command = [sys.executable, "-m", "app.cli", "serve", "--end-with-stdin", "--port", str(port)]
        command += ["--model", model, "--data-dir", f"{folder}/data"]
        with Client(url) as client, Child(command, Path(folder, "serve.log"), os.environ) as child:
            child.wait_ready(client)
            book = Path(folder, "long.md")
            book.write_text(long_book(asked.words), encoding="utf-8")
            added = client.add(book, recipe=RECIPE)
            assert added.job is not None
            next(each for each in client.follow(added.job.id) if each.type == "metrics")
            process = child._process.pid
            print("| asks | call | how many | p50, s | p99, s | most, s |\n|---|---|---|---|---|---|")
            for rate in asked.rates:
                show(
                    f"{rate:g} a second",
                    asyncio.run(at_rate(url, added.book.id, rate, asked.seconds)),
                    megabytes(process),
                )
            show("100 at once", asyncio.run(at_once(url, added.book.id, 100)), megabytes(process))
            show("200 at once", asyncio.run(at_once(url, added.book.id, 200)), megabytes(process))


if __name__ == "__main__":
    main()

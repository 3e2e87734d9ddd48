"""Questions about the books of a library at a stated rate, beside what `bookchorus bench scale` foretells.

    python -m tests.benchmarks.library_load --books 60 --context-bytes 12e6 --load .4 .7 --runs 3
    python -m tests.benchmarks.library_load --url http://127.0.0.1:8000 --rates 2 --times times.json

It adds books of generated text to a running service, or to one that it starts itself. It asks one question at
a time, about passages that the LLM has not read and about the same again, then many at once: these are the
service times, which `--times` writes for `bookchorus bench scale --times`. Then questions come as a Poisson
process about books by Zipf's law, however many wait (an open loop), and each is timed from when it was to be
sent, not from when it was. 429 and 503 are counted apart. A rate is in questions a second, a `--load` the
part of what the service could answer by its times. Beside each rate stands what a simulation by the times
says.
"""

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np

from app.bench.scale.service_times import ServiceTimes
from app.bench.scale.setup import Library, Setup
from app.bench.scale.simulation import Questions, drawn_questions, simulate
from app.bench.scale.spread import Spread
from app.client import Client
from tests import tiny
from tests.library_asks import Asker, Measured, both, one_by_one, open_loop, service_times
from tests.question_places import book_of_places
from tests.service.conftest import plain_service

_HANG_SECONDS = 300.0
# Simulations of the same questions.
_DRAWS = 30


async def at_rate(asker: Asker, questions: Questions, filling: Questions, places: int) -> dict[str, Any]:
    """Ask these questions when they come, after the filling one by one; what came of it.

    A book has so many `places`.
    """
    await one_by_one(asker, filling, places)
    _, before = await asker.kept()
    asked = await open_loop(asker, questions, places)
    _, computed = await asker.kept()
    statuses = Counter(one.status for one in asked)
    answered = [one.seconds for one in asked if one.status == "200"]
    return {
        "asked": len(asked),
        "statuses": dict(statuses),
        "refused": statuses["429"] + statuses["503"],
        "latency": Spread.of(answered).model_dump() if answered else None,
        "computed": (computed - before) / len(asked),
        "machine_load": os.getloadavg()[0],
    }


def foretold(setup: Setup, questions: Questions, filling: Questions) -> dict[str, Any]:
    """What a simulation says of the same questions at the same moments, on average of many."""
    draws = [
        simulate(setup.model_copy(update={"seed": setup.seed + number}), questions, filling)
        for number in range(_DRAWS)
    ]
    spreads = [Spread.of(each.latency).model_dump() for each in draws]
    return {
        "foretold": {name: float(np.mean([each[name] for each in spreads])) for name in spreads[0]},
        "foretold_hit_rate": float(np.mean([each.hit_rate for each in draws])),
        "foretold_busy": float(np.mean([each.answerers_busy for each in draws])),
    }


HEAD = (
    "| a second | asked | refused | mean, foretold | p50 | p95 | p99 | read before | busy | drift | load |\n"
    f"{'|---' * 11}|\n"
)


def line(found: dict[str, Any]) -> str:
    """A row of the table: as measured, and as foretold."""
    real, told = found["latency"], found["foretold"]
    cells = [f"{found['rate']:.2f}", str(found["asked"]), str(found["refused"])]
    cells += [
        f"{real[name]:.3f}, {told[name]:.3f}" if real else "none" for name in ("mean", "p50", "p95", "p99")
    ]
    cells += [f"{found['hit_rate']:.1%}, {found['foretold_hit_rate']:.1%}", f"{found['foretold_busy']:.0%}"]
    cells += [f"{found['drift']:.2f}", f"{found['machine_load']:.1f}"]
    return f"| {' | '.join(cells)} |"


async def measure(url: str, ids: Sequence[str], asked: argparse.Namespace) -> dict[str, Any]:
    """Measure and print all; return it.

    The service times are measured before and after each rate, since what else a machine does changes: the
    `drift` is how much longer a question took afterwards.
    """
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {asked.key}"} if asked.key else {}
    library = Library(books=len(ids), exponent=asked.zipf, places=asked.places)
    rows: list[dict[str, Any]] = []
    kinds: list[ServiceTimes] = []
    async with httpx.AsyncClient(
        base_url=url, timeout=_HANG_SECONDS, limits=limits, headers=headers, trust_env=False
    ) as http:
        asker = Asker(http, ids, Random(asked.seed))
        loads = [(rate, 0.0) for rate in asked.rates] + [(0.0, load) for load in asked.load]
        for number, (rate, load) in enumerate(loads * asked.runs):
            random = np.random.default_rng([asked.seed, number])
            known = kinds[0].place_bytes if kinds else 1.0
            first = range(2 * number * asked.singles, (2 * number + 1) * asked.singles)
            before = await service_times(asker, library, first, asked.at_once, known)
            assert before.times.reading.measured, "nothing had to be read: give more books, or fewer bytes"
            kinds.append(before.times)
            print(told(before), flush=True)
            times = before.times if asked.apart else before.whole
            setup = Setup(times=times, library=library, cache_bytes=asked.context_bytes, seed=asked.seed)
            if load:
                hits = simulate(setup.model_copy(update={"rate": 1e-6})).hit_rate
                rate = load / (times.warm.mean + (1 - hits) * times.reading.mean)
            room = min(setup.kept, library.books * library.places)
            filling = drawn_questions(library, min(asked.most_filling, 3 * room), rate, random)
            questions = drawn_questions(library, max(2, round(rate * asked.seconds)), rate, random)
            row = await at_rate(asker, questions, filling, library.places)
            second = range(first.stop, first.stop + asked.singles)
            after = await service_times(asker, library, second, 1, known)
            times = both(times, after.times if asked.apart else after.whole)
            setup = setup.model_copy(update={"rate": rate, "times": times})
            row |= {
                "rate": rate,
                "load": load,
                "hit_rate": 1 - row["computed"] / before.contexts,
                "drift": after.whole.warm.mean / before.whole.warm.mean,
                **foretold(setup, questions, filling),
            }
            rows.append(row)
            print(f"{HEAD if number == 0 else ''}{line(row)}", flush=True)
    return {"rows": rows, "times": [each.model_dump() for each in kinds]}


def told(measured: Measured) -> str:
    """The service times in a line."""
    times, whole = measured.times, measured.whole
    return (
        f"one ask: web {times.web.mean:.4f} s, warm {times.warm.mean:.4f} s, "
        f"reading {times.reading.mean:.4f} s, growth {times.growth:.2f}; "
        f"as one process warm {whole.warm.mean:.4f} s, growth {whole.growth:.2f}; "
        f"a place {times.place_bytes:,.0f} bytes in {measured.contexts:g} contexts"
    )


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
    parser.add_argument(
        "--apart", action="store_true", help="the web replica and the answerer do not share a process"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=Path, help="write the service times there")
    parser.add_argument("--json", type=Path, help="write all that was measured there")
    asked = parser.parse_args(words)
    with running(asked) as client:
        ids = added(client, asked.books, asked.places, asked.words)
        found = asyncio.run(measure(client.url, ids, asked))
    if asked.times is not None:
        asked.times.write_text(json.dumps(found["times"][-1], indent=2), encoding="utf-8")
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Answers a second of one answerer and of two on a Ray cluster of this machine, and how many are warm.

    .venv/bin/python -m tests.benchmarks.cluster [--seconds 30] [--books 12] [--at-once 8] [--json FILE]

The LLM is the tests' tiny one. Each answerer is held on a core of its own and keeps what it has read of half
of the passages. Questions about books are asked at random, eight passages a book, as many at once as
`--at-once` says. A call is warm where the answerer that gets it has read the passage already: with questions
that go where their book was asked about before, and with questions that go anywhere. The first half of each
run is not counted.
"""

import argparse
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from app.cluster.answerer import AnswererFacts
from app.cluster.connection import connected
from app.engine.engine import Engine
from app.engine.local_engine import LocalEngine
from app.engine.records import DecodeRequest, MemberId, Reading
from app.engine.runner import DirectRunner
from app.resources.llm import load_llm
from app.settings import load
from tests import tiny
from tests.cluster.replicas import replicas
from trainer.skill.skill import initial_skill

PASSAGES = 8


class Anywhere:
    """A handle whose calls go to any answerer, whatever they are about."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def options(self, multiplexed_model_id: str, **options: Any) -> Any:
        """The handle with these options, but for the one that says what a call is about."""
        return self._handle.options(**options)


def passage(book: int, number: int) -> str:
    """A text of some sixty words that no other passage has."""
    return f"In book {book}, chapter {number}, Mira kept lamp {book * number} in the tower of Ost. " * 4


@contextmanager
def pinned(folder: Path, answerers: int, books: int) -> Iterator[tuple[Any, AnswererFacts]]:
    """So many answerers, each on one core, that keep half of what these books' passages are when read."""
    kept = books * PASSAGES * bytes_read(folder / "llm") // 2
    settings = load({"model": str(folder / "llm"), "data_dir": folder / "data", "context_bytes": kept})
    with connected(settings, "local", answerers, trainers=0) as handle:
        cores = sorted(os.sched_getaffinity(0))
        for number, process in enumerate(replicas("Answerer")):
            for thread in (Path("/proc") / str(process) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores[number % len(cores)]})
        yield handle, handle.facts.remote().result()


def bytes_read(folder: Path) -> int:
    """What one passage is when it is read."""
    llm = load_llm(load({"model": str(folder)}))
    engine = LocalEngine(DirectRunner(llm), skill=initial_skill(llm))
    list(engine.answer([DecodeRequest(Reading(MemberId(""), (passage(1, 1),), "Who?"), 1)]))
    return engine.contexts.nbytes


def measured(engine: Engine, args: argparse.Namespace) -> dict[str, float]:
    """Answers a second, and the share of warm calls."""
    chosen, lock = random.Random(0), threading.Lock()
    begin = time.monotonic() + args.seconds / 2
    end = begin + args.seconds / 2
    count = {"calls": 0, "warm": 0}

    def ask(_: int) -> None:
        while time.monotonic() < end:
            with lock:
                book, number = chosen.randrange(args.books), chosen.randrange(PASSAGES)
            reading = Reading(MemberId(f"book_{book}"), (passage(book, number),), f"Who kept lamp {book}?")
            [warm] = engine.have_read([reading])
            list(engine.answer([DecodeRequest(reading, 16)]))
            if time.monotonic() > begin:
                with lock:
                    count["calls"] += 1
                    count["warm"] += warm

    with ThreadPoolExecutor(args.at_once) as threads:
        list(threads.map(ask, range(args.at_once)))
    return {
        "answers_a_second": count["calls"] / (end - begin),
        "warm": count["warm"] / max(1, count["calls"]),
    }


def run(folder: Path, name: str, answerers: int, args: argparse.Namespace) -> dict[str, float]:
    """What is measured on a cluster of its own."""
    with pinned(folder, answerers, args.books) as (handle, facts):
        from app.cluster.remote_engine import RemoteEngine  # with Ray, which is imported by now

        asked = Anywhere(handle) if name == "two, anywhere" else handle
        return measured(RemoteEngine(asked, facts, None), args)  # type: ignore[arg-type]


def main() -> None:
    """Print a line for each number of answerers and each way to choose among them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--books", type=int, default=12)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        tiny.save(Path(folder) / "llm")
        for name, answerers in (("one", 1), ("two, anywhere", 2), ("two, by book", 2)):
            # A process makes one cluster of its own in its life.
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                found[name] = process.submit(run, Path(folder), name, answerers, args).result()
            print(name, json.dumps(found[name]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

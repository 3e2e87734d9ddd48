"""What is lost when the service and its worker are killed again and again, at moments of chance.

    python -m tests.benchmarks.kill_soak --kills 200 --seed 0

A service without a worker and a worker in a process of its own share a folder; the LLM is tiny. While books
are uploaded, versions asked for, questions asked and aliases moved, one of the two is ended: by chance by
kill -9 or by SIGTERM. It is started again at once. After the last kill all jobs may end; then the database is
compared with what the callers were told.
"""

import argparse
import os
import random
import socket
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.child_process import Child
from app.client import Client
from store.database import Database
from tests import tiny
from tests.soak_report import Kill, Told, report
from tests.warm import commands

RECIPE: dict[str, Any] = {
    "objective": "lm",
    "members": 2,
    "virtual_tokens": 4,
    "row_tokens": 32,
    "epochs": 1000,
}
# Jobs that wait or run: more would only make the end longer.
OPEN_JOBS = 3


class Pair:
    """The service and the worker, and how to start and to kill each."""

    def __init__(self, folder: Path, model: Path, tokens: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.recipe = {**RECIPE, "budget_tokens": tokens}
        self._folder = folder
        self._model = model
        self.data = folder / "data"
        self._children: dict[str, Child] = {}
        # Odd while the service is down or about to go.
        self.epoch = 1

    def start(self, which: str) -> None:
        """Start one, and return once the service answers; a worker is not waited for."""
        words = ["--end-with-stdin", "--model", str(self._model), "--data-dir", str(self.data)]
        words = ["serve", "--port", str(self.port), *words] if which == "service" else ["worker", *words]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
        command = commands.python("-m", "app.cli", *words, imported="service")
        log = self._folder / f"{which}.log"
        child = Child(command, log, {**clean, "BOOKCHORUS_TRAINS": "false"})
        self._children[which] = child
        if which == "service":
            with Client(self.url) as client:
                child.wait_ready(client)
            self.epoch += 1

    def kill(self, which: str, softly: bool) -> None:
        """End one, by SIGTERM or by kill -9, and wait until it is gone."""
        if which == "service":
            self.epoch += 1
        child = self._children.pop(which)
        if softly:
            child.stop()
        else:
            child._process.kill()
            child.wait()

    def stop(self) -> None:
        """End both in order."""
        for which in list(self._children):
            self.kill(which, softly=True)


class Callers:
    """Those who upload, ask for versions, ask questions and move aliases, each on a thread, until `stop`."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self._pair = pair
        self._over = threading.Event()
        self.told = Told()
        self._threads = [
            threading.Thread(target=self._go_on, args=(act, random.Random(seed + number), pause), daemon=True)
            for number, (act, pause) in enumerate(
                [(self._upload, 2.0), (self._train, 3.0), (self._ask, 0.2), (self._move, 0.5)]
            )
        ]

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the last calls end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, act: Any, chance: random.Random, pause: float) -> None:
        with httpx.Client(base_url=self._pair.url, timeout=60, trust_env=False) as http:
            while not self._over.wait(chance.uniform(0, 2 * pause)):
                try:
                    act(http, chance)
                except httpx.HTTPError as error:
                    self.told.calls[f"{act.__name__[1:]}: {type(error).__name__}"] += 1

    def _count(self, what: str, answer: httpx.Response) -> httpx.Response:
        self.told.calls[f"{what}: {answer.status_code}"] += 1
        return answer

    def _busy(self, http: httpx.Client) -> bool:
        known = list(self.told.jobs)[-2 * OPEN_JOBS :]
        states = [http.get(f"/jobs/{job}").json().get("status") for job in known]
        return sum(state in ("queued", "running") for state in states) >= OPEN_JOBS

    def _upload(self, http: httpx.Client, chance: random.Random) -> None:
        if self._busy(http):
            return
        title = f"Lamp {chance.getrandbits(60)}"
        body = {"title": title, "text": f"{tiny.STORY}\n{title} was its number.", "recipe": self._pair.recipe}
        answer = self._count("upload", http.post("/books", json=body))
        if answer.status_code in (200, 202):
            told = answer.json()
            self.told.books[told["book"]["id"]] = title
            self.told.jobs[told["job"]["id"]] = told["book"]["id"]

    def _train(self, http: httpx.Client, chance: random.Random) -> None:
        if not self.told.books or self._busy(http):
            return
        book = chance.choice(list(self.told.books))
        answer = http.post(f"/books/{book}/versions", json={"recipe": self._pair.recipe, "force": True})
        if self._count("train", answer).status_code == 202:
            self.told.jobs[answer.json()["job"]["id"]] = book

    def _ask(self, http: httpx.Client, chance: random.Random) -> None:
        if not self.told.books:
            return
        book = chance.choice(list(self.told.books))
        epoch = self._pair.epoch
        body = {"question": f"Who kept lamp {chance.random()}?", "books": [book], "min_confidence": 0}
        try:
            answer = self._count("ask", http.post("/ask", json=body))
            failed = "" if answer.status_code == 200 else answer.text
        except httpx.HTTPError as error:
            self.told.calls[f"ask: {type(error).__name__}"] += 1
            failed = repr(error)
        if failed and epoch % 2 == 0 and epoch == self._pair.epoch:
            self.told.failed_while_up.append(failed)

    def _move(self, http: httpx.Client, chance: random.Random) -> None:
        if not self.told.books:
            return
        book = chance.choice(list(self.told.books))
        version = chance.randint(1, 3)
        path = f"/admin/books/{book}/aliases/{chance.choice(['mine', 'champion'])}"
        answer = http.put(path, json={"version": version, "force": True})
        self._count("move", answer)


def soak(
    pair: Pair, callers: Callers, kills: int, seed: int, mean_seconds: float, minutes: float, bar: Progress
) -> list[Kill]:
    """Kill so many times, or for so long; return each kill."""
    chance = random.Random(seed)
    over = time.monotonic() + 60 * minutes
    done: list[Kill] = []
    task = bar.add_task("kills", total=kills)
    while len(done) < kills and time.monotonic() < over:
        time.sleep(min(chance.expovariate(1 / mean_seconds), 5 * mean_seconds))
        which, softly = chance.choice(["service", "worker"]), chance.random() < 0.5
        done.append(Kill(which, softly, datetime.now(UTC)))
        pair.kill(which, softly)
        pair.start(which)
        bar.advance(task)
    callers.stop()
    return done


def settle(pair: Pair, jobs: list[str], seconds: float, bar: Progress) -> None:
    """Wait until all jobs have ended, at most so long."""
    deadline = time.monotonic() + seconds
    task = bar.add_task("jobs end", total=len(jobs))
    with httpx.Client(base_url=pair.url, timeout=60, trust_env=False) as http:
        for job in jobs:
            while http.get(f"/jobs/{job}").json()["status"] in ("queued", "running"):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.5)
            bar.advance(task)


def main() -> None:
    """Read the options, kill, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0, help="mean seconds from one kill to the next")
    parser.add_argument("--minutes", type=float, default=1440.0, help="kill for no longer than this")
    parser.add_argument("--tokens", type=int, default=20_000, help="tokens that each version learns")
    parser.add_argument("--settle", type=float, default=900.0, help="most seconds for the last jobs to end")
    asked = parser.parse_args()
    end = commands.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pair = Pair(folder, tiny.save(folder / "model"), asked.tokens)
            callers = Callers(pair, asked.seed)
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            try:
                pair.start("service")
                pair.start("worker")
                callers.start()
                with Progress(*columns) as bar:
                    done = soak(pair, callers, asked.kills, asked.seed, asked.seconds, asked.minutes, bar)
                    settle(pair, list(callers.told.jobs), asked.settle, bar)
            finally:
                pair.stop()
            database = Database(f"sqlite:///{pair.data / 'bookchorus.db'}")
            report(database, pair.data, callers.told, done)
            database.close()
    finally:
        end()


if __name__ == "__main__":
    main()

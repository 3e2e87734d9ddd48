"""A novel and a long text that come while others ask and upload: how long each part takes.

    python -m tests.benchmarks.ingest

Each is generated, and goes through `POST /books` of a real service. Beside it somebody asks about another
book, and somebody uploads short texts, once every so many seconds, first with nothing else going on. Told are
the seconds until the upload is answered, until a question is answered that only the words of its last
paragraph answer, and until all passages are embedded, or how many are when the time is over: an ask comes
before the next batch of passages, so that asks without a pause between them leave no time for it. With
`--novel-words 20000 --megabytes 1 --seconds 20 --most-seconds 60` it takes some minutes.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx

from app.bench.scale.spread import Spread
from tests.long_book import long_book
from tests.service.conftest import plain_service

# A training of one step: what is measured comes before it.
RECIPE = {"objective": "lm", "members": 1, "virtual_tokens": 1, "row_tokens": 16, "budget_tokens": 1}
LAST = "The lighthouse of Quillon burns seal oil."
ASKED = "What does the lighthouse of Quillon burn?"
# Characters of a word of the generated text, with the space behind it.
CHARACTERS_PER_WORD = 5.37


class Others:
    """Somebody who asks about `book`, and somebody who uploads: the seconds that each call takes."""

    def __init__(self, http: httpx.AsyncClient, book: str, every: float) -> None:
        self._http = http
        self._book = book
        self._every = every
        self._number = 0
        self.seconds: dict[str, list[float]] = {}

    async def meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this work while they go on; the calls that have begun are counted to their end."""
        self.seconds = {"ask": [], "upload": []}
        ended = asyncio.Event()
        both = [asyncio.ensure_future(self._repeat(act, ended)) for act in (self._ask, self._upload)]
        await work
        ended.set()
        await asyncio.gather(*both)

    async def _repeat(
        self, act: Callable[[], Coroutine[Any, Any, httpx.Response]], ended: asyncio.Event
    ) -> None:
        while not ended.is_set():
            began = time.monotonic()
            answer = await act()
            self.seconds[act.__name__.strip("_")].append(time.monotonic() - began)
            answer.raise_for_status()
            if job := answer.json().get("job"):  # nobody shall wait for it to be learned
                await self._http.post(f"/jobs/{job['id']}/cancel")
            await asyncio.wait(
                [asyncio.ensure_future(ended.wait())],
                timeout=max(0.0, began + self._every - time.monotonic()),
            )

    async def _ask(self) -> httpx.Response:
        self._number += 1
        body = {"question": f"Who carried the bell {self._number} years ago?", "books": [self._book]}
        return await self._http.post("/ask", json=body)

    async def _upload(self) -> httpx.Response:
        self._number += 1
        body = {"title": "Short", "text": long_book(300, seed=self._number), "recipe": RECIPE}
        return await self._http.post("/books", json=body)


async def ingest(http: httpx.AsyncClient, what: str, text: str, most_seconds: float) -> None:
    """Upload a text, and tell when it is answered, asked about and embedded."""
    began = time.monotonic()

    def told(event: str) -> None:
        print(f"| {what} | {event} | {time.monotonic() - began:.1f} s |", flush=True)

    added = await http.post("/books", json={"title": what, "text": text, "recipe": RECIPE})
    added.raise_for_status()
    book, job = added.json()["book"], added.json()["job"]
    told(f"answered: {len(text) / 1e6:.1f} million characters, {book['passages']:,} passages")
    cited = ""
    while "seal oil" not in cited:
        asked = {"question": ASKED, "books": [book["id"]], "k": 2, "min_confidence": 0}
        answer = await http.post("/ask", json=asked)
        answer.raise_for_status()
        cited = " ".join(one["text"] for one in answer.json()["citations"])
    told("first answered by its words")
    while not (await http.get(f"/books/{book['id']}")).json()["embedded"]:
        if time.monotonic() - began > most_seconds:
            phase = (await http.get(f"/jobs/{job['id']}")).json()["phase"] or {"done": 0}
            told(f"time is over: {phase['done']:,} passages are embedded")
            break
        await asyncio.sleep(1)
    else:
        told("all passages are embedded")
    await http.post(f"/jobs/{job['id']}/cancel")


def show(what: str, others: Others) -> None:
    """Print how long the others waited."""
    for call, seconds in others.seconds.items():
        if seconds:
            spread = Spread.of(seconds)
            row = f"{call} | {len(seconds)} | {spread.p50:.2f} | {spread.p99:.2f} | {max(seconds):.2f}"
            print(f"| {what} | {row} |", flush=True)


async def measure(url: str, asked: argparse.Namespace) -> None:
    """Measure the others alone, then beside each text."""
    async with httpx.AsyncClient(base_url=url, timeout=3600, trust_env=False) as http:
        added = await http.post("/books", json={"title": "Asked", "text": long_book(3000), "recipe": RECIPE})
        added.raise_for_status()
        await http.post(f"/jobs/{added.json()['job']['id']}/cancel")
        others = Others(http, added.json()["book"]["id"], asked.every)
        await others.meanwhile(asyncio.sleep(asked.every))  # what is done once is not counted
        await others.meanwhile(asyncio.sleep(asked.seconds))
        show("nothing else", others)
        words = {
            "novel": asked.novel_words,
            "long text": int(asked.megabytes * 1e6 / CHARACTERS_PER_WORD),
        }
        for what, count in words.items():
            if count:
                text = f"{long_book(count, seed=count)}\n\n{LAST}"
                await others.meanwhile(ingest(http, what, text, asked.most_seconds))
                show(f"beside the {what}", others)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--novel-words", type=int, default=225_000, help="0 leaves it out")
    parser.add_argument("--megabytes", type=float, default=20.0, help="of the long text; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=120.0, help="for the others alone")
    parser.add_argument("--every", type=float, default=10.0, help="seconds from one call to the next")
    parser.add_argument("--most-seconds", type=float, default=3600.0, help="for each text")
    parser.add_argument("--model", default="embedded")
    asked = parser.parse_args()
    # The others' books wait in the queue, and the long text is as many bytes as JSON makes of it.
    room = {"max_queued_jobs": "100000", "max_book_bytes": "40000000"}
    with (
        tempfile.TemporaryDirectory() as folder,
        plain_service(Path(folder), "--model", asked.model, **room) as (client, _),
    ):
        asyncio.run(measure(client.url, asked))


if __name__ == "__main__":
    main()

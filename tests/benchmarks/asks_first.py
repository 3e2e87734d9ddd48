"""How long an ask takes in a service: idle, and while a book of 50,000 words is learned.

python -m tests.benchmarks.asks_first
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from tests.long_book import long_book
from tests.service.conftest import plain_service

THINGS = ("lamp", "rope", "ledger", "bell", "kettle", "oar", "map", "loaf", "mirror", "saddle", "key", "sail")
RECIPE = {"objective": "lm", "epochs": 1000, "budget_seconds": 86_400}


def asked(url: str, book: str, question: str) -> tuple[float, float]:
    """Seconds until the first event of an ask, and until the answer is whole."""
    began = time.monotonic()
    first = None
    body = {"question": question, "books": [book], "stream": True, "min_confidence": 0}
    with httpx.stream("POST", f"{url}/ask", json=body, timeout=600, trust_env=False) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("event: ") and first is None:
                first = time.monotonic() - began
            assert line != "event: error", answer
    assert first is not None
    return first, time.monotonic() - began


def measure(url: str, book: str, asks: int) -> list[tuple[float, float]]:
    """Ask so many different questions, one after the other; the first is not counted."""
    things = [
        "lamp",
        "rope",
        "ledger",
        "bell",
        "kettle",
        "oar",
        "map",
        "loaf",
        "mirror",
        "saddle",
        "key",
        "sail",
    ]
    return [
        asked(url, book, f"Who carried the {things[number % len(things)]} {number} years ago?")
        for number in range(asks + 1)
    ][1:]


def main() -> None:
    """Print a table: median and slowest, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--asks", type=int, default=10)
    parser.add_argument("--model", default="embedded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder, "long.md")
        book.write_text(long_book(options.words), encoding="utf-8")
        with plain_service(Path(folder), "--model", options.model) as (client, _):
            added = client.add(book, recipe=RECIPE)
            assert added.job is not None
            learning = client.follow(added.job.id)
            next(event for event in learning if event.type == "metrics")
            busy = measure(client.url, added.book.id, options.asks)
            assert client.job(added.job.id).status == "running"
            httpx.post(f"{client.url}/jobs/{added.job.id}/cancel", trust_env=False).raise_for_status()
        # The same questions again, of a service that has read no passage yet.
        with plain_service(Path(folder), "--model", options.model) as (client, _):
            idle = measure(client.url, added.book.id, options.asks)
    for name, times in (("idle", idle), ("while it is learned", busy)):
        first, last = zip(*times, strict=True)
        print(
            json.dumps(
                {
                    "service": name,
                    "first_event_median": round(statistics.median(first), 3),
                    "first_event_slowest": round(max(first), 3),
                    "answer_median": round(statistics.median(last), 2),
                    "answer_slowest": round(max(last), 2),
                }
            )
        )


if __name__ == "__main__":
    main()

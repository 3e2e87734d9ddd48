"""The load generator: what it measures of a real service, and how it counts refusals and late questions."""

import asyncio
import json
import time
from pathlib import Path
from random import Random

import httpx
import numpy as np

from app.bench.scale.service_times import ServiceTimes
from app.bench.scale.simulation import Questions
from app.client import Client
from tests.benchmarks.library_load import main
from tests.library_asks import Asked, Asker, open_loop


def test_a_running_service_is_measured_and_what_was_asked_is_foretold(client: Client, tmp_path: Path) -> None:
    times, found = tmp_path / "times.json", tmp_path / "found.json"
    words = "--books 3 --places 2 --words 60 --singles 2 --at-once 1 --rates 6 --seconds 1.5"
    main(["--url", client.url, *words.split(), "--times", str(times), "--json", str(found)])
    measured = ServiceTimes.model_validate_json(times.read_text())
    assert len(measured.warm.measured) == 2
    assert min(measured.web.mean, measured.warm.mean, measured.place_bytes) > 0
    [row] = json.loads(found.read_text())["rows"]
    assert row["statuses"] == {"200": 9}
    assert row["refused"] == 0
    # All six places fit, and were asked about before.
    assert (row["hit_rate"], row["foretold_hit_rate"]) == (1.0, 1.0)
    assert min(row["latency"]["mean"], row["foretold"]["mean"]) > 0
    assert len(client.books()) == 3


def asked_of(statuses: list[int], late: float) -> list[Asked]:
    """What comes of questions that were to be sent so many seconds ago, each answered with a status."""
    left = list(statuses)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(left.pop(0), json={"timings": {"generate": 0.25}})

    async def ask() -> list[Asked]:
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            nothing = np.zeros(len(statuses), dtype=np.int64)
            questions = Questions(np.full(len(statuses), -late), nothing, nothing)
            return await open_loop(Asker(http, ["book"], Random(0)), questions, 1)

    return asyncio.run(ask())


def test_a_question_that_is_sent_late_is_timed_from_when_it_was_due() -> None:
    began = time.monotonic()
    [one] = asked_of([200], late=1000)
    assert 1000 <= one.seconds <= 1000 + time.monotonic() - began
    assert one.llm == 0.25


def test_refusals_and_failures_are_told_apart() -> None:
    assert [one.status for one in asked_of([200, 503, 429, 500], late=0)] == ["200", "503", "429", "500"]

"""Questions about the places of a library's books: one at a time, many at once, and as a Poisson process."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import httpx
import numpy as np

from app.bench.scale.service_times import ServiceTimes, Times
from app.bench.scale.setup import Library
from app.bench.scale.simulation import Questions
from tests.question_places import question_about


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
    """What a service takes for a question, and how many contexts one reads.

    `whole` has the same where one process does all: there the work of the web waits for the LLM's and the
    other way round, so that it counts as the answerer's.
    """

    times: ServiceTimes
    whole: ServiceTimes
    contexts: float


async def service_times(
    asker: Asker, library: Library, singles: range, at_once: int, place_bytes: float
) -> Measured:
    """One ask at a time, not asked lately and again; then many at once, or with 1 none.

    The `singles` are numbers of places, counted from the least popular book. What is kept of one takes
    `place_bytes` where the caches are full already. AssertionError: an ask was not answered.
    """
    numbers = [number % (library.books * library.places) for number in singles]
    places = [(library.books - 1 - number // library.places, number % library.places) for number in numbers]
    await asker.ask(0, 0)  # what only the first ask does
    cold, warm, grown, contexts = [], [], [], 1.0
    for place in places:
        had, before = await asker.kept()
        first, again = await asker.ask(*place), await asker.ask(*place)
        assert {first.status, again.status} == {"200"}, (first.status, again.status)
        size, computed = await asker.kept()
        if computed > before:  # else it was read in an earlier run, and is kept yet
            cold.append(first)
            grown.append(size - had)
            contexts = max(contexts, computed - before)
        warm.append(again)
    together = 1.0
    if at_once > 1:
        # While a pass is answered, half of those under way wait for the next.
        began, number = time.monotonic(), 0
        while number < 3 * at_once or time.monotonic() - began < 5:
            wave = [asker.ask(*places[-1]) for _ in range(2 * at_once)]
            number += len(await asyncio.gather(*wave))
        together = (time.monotonic() - began) / number

    def growth(alone: float) -> float:
        if at_once == 1:
            return 1.0
        return min(1.0, max(0.0, (together / alone - 1 / at_once) / (1 - 1 / at_once)))

    answer = Times.of([one.llm for one in warm])
    whole = Times.of([one.seconds for one in warm])
    times = ServiceTimes(
        web=Times.of([one.seconds - one.llm for one in (*cold, *warm)]),
        warm=answer,
        reading=Times.of([max(0.0, one.llm - answer.mean) for one in cold]) if cold else Times(mean=0),
        at_once=at_once,
        growth=growth(answer.mean),
        place_bytes=kept_of_one(grown, place_bytes),
    )
    alone = {"web": Times(mean=0), "warm": whole, "growth": growth(whole.mean)}
    return Measured(times, times.model_copy(update=alone), contexts)


def kept_of_one(grown: Sequence[float], known: float) -> float:
    """The mean of what a cache grew by, but for where something was forgotten meanwhile; what is known from
    before where that was always so.
    """
    whole = [each for each in grown if each > max(known, *grown) / 2]
    return float(np.mean(whole)) if whole else known


def both(one: ServiceTimes, other: ServiceTimes) -> ServiceTimes:
    """The seconds of both, and all else of the first."""
    names = ("web", "warm", "reading")
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return one.model_copy(
        update={
            name: Times.of([*first.measured, *second.measured]) if second.measured else first
            for name, (first, second) in pairs.items()
        }
    )


async def open_loop(asker: Asker, questions: Questions, places: int) -> list[Asked]:
    """Ask each question when it comes, whoever waits; returns when all have been answered.

    A book has so many `places`.
    """
    began, running = time.monotonic(), []
    for when, book, place in zip(
        questions.came.tolist(), questions.books.tolist(), (questions.places % places).tolist(), strict=True
    ):
        await asyncio.sleep(max(0.0, began + when - time.monotonic()))
        running.append(asyncio.ensure_future(asker.ask(book, place, began + when)))
    return list(await asyncio.gather(*running))


async def one_by_one(asker: Asker, questions: Questions, places: int) -> None:
    """Ask the same questions one after the other: what is kept then is what would be kept later."""
    for book, place in zip(questions.books.tolist(), (questions.places % places).tolist(), strict=True):
        await asker.ask(book, place)

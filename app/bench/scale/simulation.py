"""Questions that come at random moments, and how long each waits and takes."""

from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
from numpy.typing import NDArray

from app.bench.scale.answerers import Answerers
from app.bench.scale.dispatch import Holders, Loads, chooser
from app.bench.scale.popularity import Zipf
from app.bench.scale.setup import Setup

# The first questions, while queues are still shorter than later, do not count.
_WARM_UP = 0.1
# Questions that fill the caches before, without any time: at most so many, or so many for each kept place.
_FILLING = 500_000
_FOR_EACH_PLACE = 20

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Of each question that counts: seconds from its arrival to its answer, and of these the wait.

    The others are shares from 0 to 1, of questions whose passages were read already, and of time in which
    answerers and replicas worked; `together` is how many questions were answered in a pass, on average.
    """

    latency: Seconds
    wait: Seconds
    hit_rate: float
    answerers_busy: float
    replicas_busy: float
    together: float


def simulate(setup: Setup) -> Outcome:
    """Questions arrive as a Poisson process, pass a web replica and then an answerer.

    The web replicas have one queue, first come first served. The same setup gives the same outcome.
    """
    random = np.random.default_rng(setup.seed)
    number, times = setup.questions, setup.times
    came: Seconds = np.cumsum(random.exponential(1 / setup.rate, number))
    web, answer, reading = (each.draw(random, number) for each in (times.web, times.warm, times.reading))
    sent = _through_replicas(came, web, setup.replicas)
    popularity = Zipf(setup.library.books, setup.library.exponent)
    loads, holders = Loads(setup.answerers), Holders()
    answerers = Answerers(setup, loads, holders, answer.tolist())
    choose = chooser(setup, loads, holders)
    _fill(setup, answerers, holders, popularity, random)
    books = popularity.draw(random, number)
    places = books * setup.library.places + random.integers(setup.library.places, size=number)
    drawn = random.integers(setup.answerers, size=number)
    warm = np.zeros(number, dtype=bool)
    order = np.argsort(sent, kind="stable")
    columns = (sent, books, places, drawn, reading)
    for question, now, book, place, chance, to_read in zip(
        order.tolist(), *(column[order].tolist() for column in columns), strict=True
    ):
        answerers.work_until(now)
        warm[question] = answerers.add(now, question, choose(book, chance), place, to_read)
    answerers.work_until(np.inf)
    ended = np.array(answerers.ended)
    latency = ended - came
    counted = slice(int(_WARM_UP * number), None)
    own = web + answer + np.where(warm, 0.0, reading)
    lasted = float(ended.max())
    return Outcome(
        latency=latency[counted],
        # In a pass of many a question takes longer than alone: that is part of its wait.
        wait=np.maximum(0.0, latency - own)[counted],
        hit_rate=float(warm[counted].mean()),
        answerers_busy=answerers.worked / (lasted * setup.answerers),
        replicas_busy=float(web.sum()) / (lasted * setup.replicas),
        together=number / answerers.passes,
    )


def _through_replicas(came: Seconds, work: Seconds, replicas: int) -> Seconds:
    """When each question leaves the web replicas."""
    free = [0.0] * replicas
    left = []
    for now, seconds in zip(came.tolist(), work.tolist(), strict=True):
        end = max(now, free[0]) + seconds
        heapreplace(free, end)
        left.append(end)
    return np.array(left)


def _fill(
    setup: Setup, answerers: Answerers, holders: Holders, popularity: Zipf, random: np.random.Generator
) -> None:
    """Fill the caches with what questions would have left there, had nobody been busy."""
    library = setup.library
    room = min(setup.kept * setup.answerers, library.books * library.places * setup.answerers)
    number = min(_FILLING, _FOR_EACH_PLACE * room)
    books = popularity.draw(random, number)
    places = books * library.places + random.integers(library.places, size=number)
    drawn = random.integers(setup.answerers, size=number)
    for book, place, chance in zip(books.tolist(), places.tolist(), drawn.tolist(), strict=True):
        held = holders.some(book) if setup.dispatch == "version" else []
        answerers.keep(held[0] if held else chance, place)

"""Questions that come at random moments, and how long each waits and takes."""

from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
from numpy.typing import NDArray

from app.bench.scale.answerers import Answerers
from app.bench.scale.dispatch import Holders, Loads, chooser
from app.bench.scale.popularity import Zipf
from app.bench.scale.setup import Library, Setup

# The first questions, while queues are still shorter than later, do not count.
_WARM_UP = 0.1
# Questions that fill the caches before, without any time: at most so many, or so many for each kept place.
_FILLING = 500_000
_FOR_EACH_PLACE = 20

Seconds = NDArray[np.float64]
Numbers = NDArray[np.int64]


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


@dataclass(frozen=True)
class Questions:
    """When each question comes, in seconds and in order, and the numbers of its book and its place; a place's
    number is its book's times the places of a book, plus its own within the book.
    """

    came: Seconds
    books: Numbers
    places: Numbers


def drawn_questions(library: Library, number: int, rate: float, random: np.random.Generator) -> Questions:
    """So many questions of a Poisson process of this rate a second, about books by Zipf's law."""
    came: Seconds = np.cumsum(random.exponential(1 / rate, number))
    books = Zipf(library.books, library.exponent).draw(random, number)
    return Questions(came, books, books * library.places + random.integers(library.places, size=number))


def simulate(setup: Setup, questions: Questions | None = None, filling: Questions | None = None) -> Outcome:
    """Questions pass a web replica and then an answerer; the same setup gives the same outcome.

    The web replicas have one queue, first come first served. Where no `questions` are given they are drawn by
    the setup, and the first of them do not count. At the beginning the caches hold what the `filling`, asked
    before, has left there; without one they are filled with what the setup would have asked.
    """
    random = np.random.default_rng(setup.seed)
    times = setup.times
    first = 0
    if questions is None:
        questions = drawn_questions(setup.library, setup.questions, setup.rate, random)
        first = int(_WARM_UP * setup.questions)
    if filling is None:
        filling = drawn_questions(setup.library, _filling(setup), setup.rate, random)
    came, number = questions.came, len(questions.came)
    web, answer, reading = (each.draw(random, number) for each in (times.web, times.warm, times.reading))
    sent = _through_replicas(came, web, setup.replicas)
    loads, holders = Loads(setup.answerers), Holders()
    answerers = Answerers(setup, loads, holders, answer.tolist())
    choose = chooser(setup, loads, holders)
    _fill(setup, answerers, holders, filling, random)
    drawn = random.integers(setup.answerers, size=number)
    warm = np.zeros(number, dtype=bool)
    order = np.argsort(sent, kind="stable")
    columns = (sent, questions.books, questions.places, drawn, reading)
    for question, now, book, place, chance, to_read in zip(
        order.tolist(), *(column[order].tolist() for column in columns), strict=True
    ):
        answerers.work_until(now)
        warm[question] = answerers.add(now, question, choose(book, chance), place, to_read)
    answerers.work_until(np.inf)
    ended = np.array(answerers.ended)
    latency = ended - came
    own = web + answer + np.where(warm, 0.0, reading)
    lasted = float(ended.max())
    return Outcome(
        latency=latency[first:],
        # In a pass of many a question takes longer than alone: that is part of its wait.
        wait=np.maximum(0.0, latency - own)[first:],
        hit_rate=float(warm[first:].mean()),
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


def _filling(setup: Setup) -> int:
    """How many questions fill all caches."""
    things = setup.library.books * setup.library.places
    return min(_FILLING, _FOR_EACH_PLACE * setup.answerers * min(setup.kept, things))


def _fill(
    setup: Setup, answerers: Answerers, holders: Holders, asked: Questions, random: np.random.Generator
) -> None:
    """Have the caches keep what these questions would have left there, had nobody been busy."""
    drawn = random.integers(setup.answerers, size=len(asked.books))
    for book, place, chance in zip(asked.books.tolist(), asked.places.tolist(), drawn.tolist(), strict=True):
        held = holders.some(book) if setup.dispatch == "version" else []
        answerers.keep(held[0] if held else chance, place)

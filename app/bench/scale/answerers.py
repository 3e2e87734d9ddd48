"""Answerers at work: each has one LLM, reads before it answers, and answers what waits in one pass."""

from collections import OrderedDict, deque
from heapq import heappop, heappush

from app.bench.scale.dispatch import Holders, Loads
from app.bench.scale.setup import Setup

# Numbered as in `simulation.py:Questions`.
Place = int


class Answerers:
    """As `app/engine/scheduler.py` has it: whatever is to be read comes first, a piece at a time; else all
    questions that are ready, as many as fit one pass, are answered together and end together.

    Between two pieces of a reading the LLM takes up other work, since the next piece comes from the
    question's own thread: a question that has been read for is not in the pass that begins at this moment.
    """

    def __init__(self, setup: Setup, loads: Loads, holders: Holders, answering: list[float]) -> None:
        """`answering` has the seconds that each question takes, alone and once its passages are read."""
        self._times = setup.times
        self._answering = answering
        self._kept = setup.kept
        self._places = setup.library.places
        self._loads = loads
        self._holders = holders
        count = range(setup.answerers)
        self._caches: list[OrderedDict[Place, None]] = [OrderedDict() for _ in count]
        self._being_read: list[set[Place]] = [set() for _ in count]
        # Questions as (number, place, seconds of a piece, pieces left); of the ready ones only the number.
        self._reads: list[deque[tuple[int, Place, float, int]]] = [deque() for _ in count]
        self._ready: list[deque[int]] = [deque() for _ in count]
        # What each is at: a reading, or the questions of a pass.
        self._current: list[tuple[int, Place, float, int] | list[int] | None] = [None for _ in count]
        self._events: list[tuple[float, int]] = []
        # Seconds of work of all, passes, and when each question was answered.
        self.worked = 0.0
        self.passes = 0
        self.ended = [0.0] * len(answering)

    def keep(self, answerer: int, place: Place) -> None:
        """Have this place kept as one that was just read."""
        if place in self._caches[answerer]:
            self._caches[answerer].move_to_end(place)
        else:
            self._holders.take(place // self._places, answerer)
            self._insert(answerer, place)

    def add(self, now: float, number: int, answerer: int, place: Place, reading: float) -> bool:
        """A question comes, for which it takes so many seconds to read; return whether what it reads is kept,
        or is being read for another.
        """
        self._loads.change(answerer, 1)
        cache = self._caches[answerer]
        warm = True
        if place in cache:
            cache.move_to_end(place)
            self._ready[answerer].append(number)
        else:
            pieces = self._times.pieces
            if place not in self._being_read[answerer]:
                self._being_read[answerer].add(place)
                self._holders.take(place // self._places, answerer)
                warm = False
            self._reads[answerer].append((number, place, 0.0 if warm else reading / pieces, pieces))
        if self._current[answerer] is None:
            self._next(now, answerer)
        return warm

    def work_until(self, time: float) -> None:
        """Let all that ends until this time end."""
        events = self._events
        while events and events[0][0] <= time:
            now, answerer = heappop(events)
            done = self._current[answerer]
            self._current[answerer] = None
            if isinstance(done, list):
                for number in done:
                    self.ended[number] = now
                    self._loads.change(answerer, -1)
                self._next(now, answerer)
            elif done is not None:
                self._next(now, answerer)  # before the question's own thread comes with what is next
                self._read(answerer, *done)
                if self._current[answerer] is None:
                    self._next(now, answerer)

    def _next(self, now: float, answerer: int) -> None:
        """Take up what is next."""
        reads, ready = self._reads[answerer], self._ready[answerer]
        while reads:
            reading = reads.popleft()
            if reading[2]:
                self._begin(now, answerer, reading, reading[2])
                return
            self._read(answerer, *reading)
        if ready:
            self.passes += 1
            if len(ready) == 1:
                asks = [ready.popleft()]
                self._begin(now, answerer, asks, self._answering[asks[0]])
                return
            asks = [ready.popleft() for _ in range(min(len(ready), self._times.at_once))]
            together = sum(map(self._answering.__getitem__, asks))
            growth = self._times.growth
            self._begin(now, answerer, asks, together * (growth + (1 - growth) / len(asks)))

    def _begin(
        self, now: float, answerer: int, work: tuple[int, Place, float, int] | list[int], seconds: float
    ) -> None:
        self._current[answerer] = work
        self.worked += seconds
        heappush(self._events, (now + seconds, answerer))

    def _read(self, answerer: int, number: int, place: Place, seconds: float, left: int) -> None:
        """A piece has been read."""
        if left > 1:
            self._reads[answerer].append((number, place, seconds, left - 1))
            return
        if place in self._being_read[answerer]:
            self._being_read[answerer].remove(place)
            self._insert(answerer, place)
        self._ready[answerer].append(number)

    def _insert(self, answerer: int, place: Place) -> None:
        cache = self._caches[answerer]
        cache[place] = None
        if len(cache) > self._kept:
            forgotten, _ = cache.popitem(last=False)
            self._holders.drop(forgotten // self._places, answerer)

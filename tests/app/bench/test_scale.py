"""The simulation of many answerers against what queueing theory and the theory of caches know."""

import math
from pathlib import Path

import numpy as np
import pytest

from app.bench.scale.hit_rate import hit_rate
from app.bench.scale.policy import Dispatch
from app.bench.scale.popularity import Zipf
from app.bench.scale.report import ScaleReport
from app.bench.scale.service_times import ServiceTimes, Times, service_times
from app.bench.scale.setup import Library, Setup
from app.bench.scale.simulation import Outcome, simulate
from app.bench.scale.sizing import least
from app.errors import CommandError

NOTHING = Times(mean=0)


def exponential(mean: float) -> Times:
    return Times(mean=mean, spread=1)


def erlang_wait(rate: float, work: float, servers: int) -> float:
    """The mean wait of M/M/c, by Erlang's formula C."""
    load = rate * work
    terms = [load**number / math.factorial(number) for number in range(servers)]
    last = load**servers / math.factorial(servers) / (1 - load / servers)
    return last / (sum(terms) + last) / (servers / work - rate)


def only_answered(rate: float, **more: object) -> Setup:
    times = ServiceTimes(web=NOTHING, warm=exponential(1), reading=NOTHING)
    return Setup.model_validate({"times": times, "rate": rate, "questions": 80_000, **more})


@pytest.mark.parametrize("rate", [0.3, 0.6])
def test_one_answerer_waits_as_theory_has_it(rate: float) -> None:
    outcome = simulate(only_answered(rate))
    assert outcome.wait.mean() == pytest.approx(erlang_wait(rate, 1, 1), rel=0.05)
    assert outcome.wait.mean() == pytest.approx(rate / (1 - rate), rel=0.05)
    assert outcome.answerers_busy == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("replicas", [1, 3])
def test_web_replicas_wait_as_erlang_has_it(replicas: int) -> None:
    times = ServiceTimes(web=exponential(1), warm=NOTHING, reading=NOTHING)
    setup = Setup(times=times, rate=0.6 * replicas, replicas=replicas, questions=80_000)
    outcome = simulate(setup)
    assert outcome.wait.mean() == pytest.approx(erlang_wait(0.6 * replicas, 1, replicas), rel=0.05)
    assert outcome.replicas_busy == pytest.approx(0.6, rel=0.03)


def test_answerers_drawn_at_random_are_queues_apart() -> None:
    outcome = simulate(only_answered(2.1, answerers=3, dispatch="random", cache_bytes=0))
    assert outcome.latency.mean() == pytest.approx(1 / (1 - 0.7), rel=0.05)


def test_the_least_loaded_waits_less_than_one_at_random_and_more_than_one_queue() -> None:
    waits = {
        dispatch: simulate(only_answered(2.1, answerers=3, dispatch=dispatch)).wait.mean()
        for dispatch in ("random", "least-loaded")
    }
    assert erlang_wait(2.1, 1, 3) < waits["least-loaded"] < 0.7 * waits["random"]


def test_passes_that_cost_nothing_more_hold_what_one_at_a_time_does_not() -> None:
    times = ServiceTimes(web=NOTHING, warm=Times(mean=1), reading=NOTHING, at_once=8, growth=0)
    outcome = simulate(Setup(times=times, rate=4, questions=20_000))
    # Whoever comes in a pass waits for its end, half of it on average, and then for a pass.
    assert outcome.latency.mean() == pytest.approx(1.5, rel=0.05)
    assert outcome.together == pytest.approx(4, rel=0.05)
    dear = Setup(times=times.model_copy(update={"growth": 1.0}), rate=4, questions=20_000)
    assert simulate(dear).latency.mean() > 100


def caching(books: int, exponent: float, places: int, kept: int, dispatch: Dispatch, answerers: int) -> Setup:
    times = ServiceTimes(web=NOTHING, warm=Times(mean=1e-4), reading=Times(mean=1e-4), pieces=1)
    library = Library(books=books, exponent=exponent, places=places)
    return Setup(
        times=times,
        library=library,
        rate=1.0,
        answerers=answerers,
        cache_bytes=kept,
        dispatch=dispatch,
        questions=25_000,
    )


@pytest.mark.parametrize(
    ("books", "exponent", "places", "kept"),
    [(300, 0.0, 1, 90), (1000, 1.0, 1, 100), (1000, 0.8, 5, 300), (200, 1.2, 10, 50), (10**7, 1.0, 38, 5000)],
)
def test_the_hit_rate_of_one_cache_is_ches(books: int, exponent: float, places: int, kept: int) -> None:
    known = hit_rate(Zipf(books, exponent), places, kept)
    found = simulate(caching(books, exponent, places, kept, "random", 1)).hit_rate
    assert found == pytest.approx(known, abs=0.01)
    assert 0.02 < known < 0.9


def test_by_version_the_caches_of_all_are_one_and_at_random_each_keeps_the_same() -> None:
    apart = simulate(caching(1000, 1.0, 1, 50, "random", 4)).hit_rate
    together = simulate(caching(1000, 1.0, 1, 50, "version", 4)).hit_rate
    popularity = Zipf(1000, 1.0)
    assert apart == pytest.approx(hit_rate(popularity, 1, 50), abs=0.01)
    assert together == pytest.approx(hit_rate(popularity, 1, 200), abs=0.02)


def test_what_fits_is_read_once() -> None:
    assert hit_rate(Zipf(100, 1.0), 2, 200) == 1
    assert hit_rate(Zipf(100, 1.0), 2, 0) == 0


@pytest.mark.parametrize(("books", "exponent"), [(1, 1.0), (50, 0.0), (20_000, 1.0), (20_000, 0.7)])
def test_books_are_drawn_by_zipfs_law(books: int, exponent: float) -> None:
    popularity = Zipf(books, exponent)
    law = np.arange(1, books + 1) ** -exponent
    law /= law.sum()
    drawn = popularity.draw(np.random.default_rng(0), 200_000)
    assert drawn.min() >= 0
    assert drawn.max() < books
    for most in (1, 10, 1000, books):
        assert (drawn < most).mean() == pytest.approx(law[:most].sum(), abs=0.005)
    assert popularity.counts.sum() == books
    assert len(popularity.counts) < 2000


def test_a_cold_question_waits_for_its_reading_and_one_that_came_meanwhile_reads_nothing() -> None:
    times = ServiceTimes(web=Times(mean=1), warm=Times(mean=2), reading=Times(mean=4), pieces=2)
    setup = Setup(times=times, rate=1e-6, questions=2000, cache_bytes=0)
    cold = simulate(setup)
    assert cold.hit_rate == 0
    assert cold.latency == pytest.approx(7)
    warm = simulate(setup.model_copy(update={"cache_bytes": 1.0, "library": Library(books=1)}))
    assert warm.latency == pytest.approx(3)
    # All come at once, and nothing is kept: who waits for a reading has it, too.
    crowd = simulate(setup.model_copy(update={"rate": 1e6, "replicas": 2000, "library": Library(books=1)}))
    assert crowd.hit_rate > 0.99
    assert crowd.answerers_busy == pytest.approx(1, abs=0.01)


def of(outcome: Outcome, setup: Setup) -> ScaleReport:
    return ScaleReport.of(setup, outcome, None)


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    setup = caching(1000, 1.0, 3, 100, "version", 3).model_copy(update={"questions": 5000})
    assert of(simulate(setup), setup) == of(simulate(setup), setup)
    other = setup.model_copy(update={"seed": 1})
    assert simulate(other).hit_rate != simulate(setup).hit_rate


def test_the_least_numbers_hold_and_one_less_does_not() -> None:
    times = ServiceTimes(web=exponential(0.1), warm=exponential(0.5), reading=exponential(0.5))
    setup = Setup(times=times, rate=8, cache_bytes=20, library=Library(books=100), questions=4000)
    found, outcome = least(setup, 6.0)
    assert np.percentile(outcome.latency, 99) <= 6
    fewer = {"answerers": found.answerers - 1}, {"replicas": found.replicas - 1}
    for change in fewer:
        if min(change.values()):
            worse = simulate(found.model_copy(update=change))
            assert np.percentile(worse.latency, 99) > 6 or worse.answerers_busy > 0.97
    assert found.answerers > 8 * 0.5
    assert found.replicas >= 1


def test_what_no_number_can_hold_is_said() -> None:
    times = ServiceTimes(web=NOTHING, warm=Times(mean=1), reading=Times(mean=4))
    with pytest.raises(CommandError, match=r"Even an idle service needs 5\.00 s .* the 3 s of --within"):
        least(Setup(times=times, cache_bytes=0), 3)


def test_measured_times_are_drawn_from_and_options_go_before_them(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    measured = ServiceTimes(web=Times.of([0.25]), warm=Times.of([0.5, 1.5]), reading=NOTHING, at_once=3)
    file.write_text(measured.model_dump_json())
    none = {"web": None, "warm": None, "reading": None}
    assert service_times(file, none, 0.0, {"at_once": None}) == measured
    changed = service_times(file, {**none, "reading": 2.0}, 0.5, {"at_once": 4})
    assert (changed.warm, changed.at_once, changed.reading) == (measured.warm, 4, Times(mean=2, spread=0.5))
    assert set(changed.warm.draw(np.random.default_rng(0), 100)) == {0.5, 1.5}
    drawn = Times(mean=2, spread=0.5).draw(np.random.default_rng(0), 100_000)
    assert (drawn.mean(), drawn.std()) == pytest.approx((2, 1), rel=0.02)


@pytest.mark.parametrize("held", [None, "", "{}", '{"web": 1, "warm": 2}', "\xff"])
def test_a_file_that_holds_no_times_is_named(tmp_path: Path, held: str | None) -> None:
    file = tmp_path / "times.json"
    if held is not None:
        file.write_bytes(held.encode("latin-1"))
    with pytest.raises(CommandError, match=r"times\.json (cannot be read|does not hold measured times)"):
        service_times(file, {"web": 0.1, "warm": 1.0, "reading": 0.0}, 0.0, {})


def test_an_answerer_that_is_busy_with_passes_half_full_is_enough() -> None:
    times = ServiceTimes(web=NOTHING, warm=Times(mean=1), reading=NOTHING, at_once=8, growth=0)
    found, outcome = least(Setup(times=times, rate=4, questions=4000), 2.5)
    assert (found.answerers, found.replicas) == (1, 1)
    assert outcome.answerers_busy > 0.97

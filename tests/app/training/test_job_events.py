"""What a job says of its phases, and of a recipe whose time was too short."""

import math
from collections.abc import Mapping
from dataclasses import asdict

import pytest

from app.training import provenance
from app.training.job_events import Pace, Phase
from app.training.reporting import Reporting
from app.training.study import Studying
from app.training.time_budget import Foreseen, OnTop, TooFewSteps
from store import jobs
from tests.app.training.test_job_runner import (  # noqa: F401 - fixtures
    GOOD,
    Desk,
    desk,
    scheduler,
)
from trainer.objectives.study_question import StudyQuestion
from trainer.question_writing import Unfinished, Written
from trainer.recipe import Recipe

WRITTEN = [StudyQuestion(0, None, "Who kept a green lamp?", "Mira", -0.1)]


def test_a_phase_that_the_time_cut_short_is_over(desk: Desk) -> None:  # noqa: F811
    study = studying(desk)
    with desk.database.write() as session:
        jobs.set_phase(session, study.job.id, study.job.token, asdict(Phase("writing", 4, 48, 4 / 48, 676.0)))
    study.keep(Written(WRITTEN, Unfinished(4, 48, 1560.0)))
    with desk.database.read() as session:
        assert jobs.get(session, study.job.id).progress == {"phase": None}


def test_a_phase_says_how_long_it_still_takes_at_its_own_speed() -> None:
    clock = iter([100.0, 110.0, 200.0, 201.5, 203.0, 230.0])
    pace = Pace(lambda: next(clock))
    # Half of the passages had vectors before: they took no time.
    assert pace.phase("embedding", 250, 500) == Phase("embedding", 250, 500, 0.5)
    assert pace.phase("embedding", 300, 500) == Phase("embedding", 300, 500, 0.6, 40.0)
    assert pace.phase("writing", 0, 10) == Phase("writing", 0, 10, 0.0)
    # What is in hand has a share, but is not done.
    assert pace.phase("writing", 0.5, 10) == Phase("writing", 0, 10, 0.05, 28.5)
    assert pace.phase("writing", 1, 10) == Phase("writing", 1, 10, 0.1, 27.0)
    assert pace.phase("writing", 10, 10) == Phase("writing", 10, 10, 1.0, 0.0)


def test_a_phase_that_begins_anew_has_a_speed_of_its_own() -> None:
    clock = iter([0.0, 100.0, 110.0, 115.0])
    pace = Pace(lambda: next(clock))
    pace.phase("trial", 0, 2)
    pace.phase("trial", 2, 2)
    assert pace.phase("trial", 1, 2) == Phase("trial", 1, 2, 0.5)
    assert pace.phase("trial", 1.5, 2) == Phase("trial", 1, 2, 0.75, 5.0)


@pytest.mark.parametrize(("most", "left"), [(60.0, 50.0), (12.0, 2.0), (5.0, 0.0), (math.inf, 90.0)])
def test_a_phase_ends_with_its_time(most: float, left: float) -> None:
    clock = iter([0.0, 10.0])
    pace = Pace(lambda: next(clock))
    pace.phase("writing", 0, 10, most)
    assert pace.phase("writing", 1, 10, most).eta_seconds == left


def test_what_is_in_hand_when_the_time_is_over_still_takes_its_time() -> None:
    clock = iter([0.0, 10.0, 20.0, 30.0])
    pace = Pace(lambda: next(clock))
    pace.phase("writing", 0, 10, 15, until=4)
    assert pace.phase("writing", 1, 10, 15, until=4).eta_seconds == 30
    assert pace.phase("writing", 2, 10, 15, until=4).eta_seconds == 20
    assert pace.phase("writing", 4, 10, 15, until=4).eta_seconds == 0


UNFINISHED = (
    "The time for writing questions was over after 4 of 48 chosen passages of the book: the members learn "
    "little of the others. A budget_seconds of about 1440 (24 minutes) would be enough."
)
FEW = (
    "The time was over after 1 step of the 30 in which members read everything once: that is too little to "
    "matter. A budget_seconds of about 60 (1 minute) would be enough."
)


@pytest.mark.parametrize(
    ("short", "told"),
    [
        (Unfinished(4, 48, 1430.5), UNFINISHED),
        (TooFewSteps(1, 30, 12.0), FEW),
        (
            Foreseen(Unfinished(4, 48, 1430.5)),
            "There is time to write questions about some 4 of 48 chosen passages of the book: the members "
            "will learn little of the others. A budget_seconds of about 1440 (24 minutes) would be enough.",
        ),
        (
            Foreseen(TooFewSteps(5, 30, 600.0)),
            "There is time for some 5 steps of the 30 in which members read everything once: that is too "
            "little to matter. A budget_seconds of about 600 (10 minutes) would be enough.",
        ),
    ],
)
def test_too_little_time_is_told_with_the_time_that_is_enough(
    desk: Desk,  # noqa: F811
    short: Unfinished | TooFewSteps | Foreseen,
    told: str,
) -> None:
    study = studying(desk)
    Reporting(desk.database, study.job, 60).record(short)
    [event] = [event for event in desk.events(study.job) if event.level == "warning"]
    assert event.message == told
    assert event.data is not None
    assert event.data["kind"] == "too-short"
    assert event.data["foreseen"] == isinstance(short, Foreseen)


@pytest.mark.parametrize(
    ("on_top", "told"),
    [
        (
            OnTop(120.0, writes=True, embeds=True, tries=True),
            "2 minutes are for writing questions and learning; embedding comes before that, and the trial "
            "after.",
        ),
        (
            OnTop(60.0, writes=True, embeds=False, tries=True),
            "1 minute is for writing questions and learning; the trial comes after that.",
        ),
        (
            OnTop(90.0, writes=False, embeds=True, tries=False),
            "90 seconds are for learning; embedding comes before that.",
        ),
        (
            OnTop(0.5, writes=False, embeds=True, tries=False),
            "0.5 seconds are for learning; embedding comes before that.",
        ),
    ],
)
def test_what_comes_on_top_of_the_time_is_told(
    desk: Desk,  # noqa: F811
    on_top: OnTop,
    told: str,
) -> None:
    study = studying(desk)
    Reporting(desk.database, study.job, 60).record(on_top)
    [event] = [event for event in desk.events(study.job) if event.data["kind"] == "budget"]
    assert (event.level, event.message) == ("info", told)


@pytest.mark.parametrize("unfinished", [Unfinished(4, 48, 1430.5), None])
def test_what_was_written_in_too_little_time_is_known_to_who_learns_the_same(
    desk: Desk,  # noqa: F811
    unfinished: Unfinished | None,
) -> None:
    first, second = studying(desk), studying(desk)
    first.keep(Written(WRITTEN, unfinished))
    assert second.written() == Written(WRITTEN, unfinished)


def test_a_phase_is_told_where_it_begins_and_ends_and_of_the_rest_only_now_and_then(
    desk: Desk,  # noqa: F811
) -> None:
    study = studying(desk)
    reporting = Reporting(desk.database, study.job, 60)
    for done in range(501):
        reporting.phase("embedding", done, 500)
    for done in range(49):
        reporting.phase("writing", done, 48)
    told = [event.data["done"] for event in desk.events(study.job) if event.data and "total" in event.data]
    assert told == [0, 500, 0, 48]


@pytest.mark.parametrize("settings", [{"budget_seconds": 1e-6}, {}, {"epochs": 0.01}, {"budget_tokens": 1}])
def test_steps_that_the_time_cut_to_less_than_one_reading_are_told(
    desk: Desk,  # noqa: F811
    settings: Mapping[str, object],
) -> None:
    version, _ = desk.learn({**GOOD, "epochs": 1, **settings})
    assert version.job_id is not None
    with desk.database.read() as session:
        job = jobs.get(session, version.job_id)
    found = {event.message for event in desk.events(job) if event.level == "warning"}
    if "budget_seconds" not in settings:
        assert found == set()
        return
    [message] = found
    assert message.startswith("The time was over after 1 step of the ")
    assert message.endswith("would be enough.")


def studying(desk: Desk) -> Studying:  # noqa: F811
    """The study of a new job that has little time."""
    recipe = Recipe(**{**GOOD, "objective": "self_study", "budget_seconds": 120})
    with desk.database.write() as session:
        jobs.enqueue(session, book_id=desk.book.id, recipe=recipe.model_dump())
        job = jobs.lease(session, "desk", 60)
        source = provenance.source(session, desk.book.id)
    assert job is not None
    return Studying(desk.database, job, desk.scheduler.llm.identity, desk.skill, recipe, source)

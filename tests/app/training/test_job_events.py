"""What a job says of its phases, and of a recipe whose time was too short."""

from collections.abc import Mapping
from dataclasses import asdict

import pytest

from app.training import provenance
from app.training.job_events import Pace, Phase
from app.training.study import Studying
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
        jobs.set_phase(session, study.job.id, study.job.token, asdict(Phase("writing", 4, 48, 676.0)))
    study.keep(Written(WRITTEN, Unfinished(4, 48, 1560.0)))
    with desk.database.read() as session:
        assert jobs.get(session, study.job.id).progress == {"phase": None}


def test_a_phase_says_how_long_it_still_takes_at_its_own_speed() -> None:
    clock = iter([100.0, 110.0, 200.0, 203.0, 230.0])
    pace = Pace(lambda: next(clock))
    # Half of the passages had vectors before: they took no time.
    assert pace.phase("embedding", 250, 500) == Phase("embedding", 250, 500, None)
    assert pace.phase("embedding", 300, 500) == Phase("embedding", 300, 500, 40.0)
    assert pace.phase("writing", 0, 10) == Phase("writing", 0, 10, None)
    assert pace.phase("writing", 1, 10) == Phase("writing", 1, 10, 27.0)
    assert pace.phase("writing", 10, 10) == Phase("writing", 10, 10, 0.0)


@pytest.mark.parametrize(
    ("unfinished", "told"),
    [
        (
            Unfinished(4, 48, 1430.5),
            "The time for writing questions was over after 4 of 48 places of the book: the members learn "
            "little of the others. A budget_seconds of about 1440 (24 minutes) would reach them all.",
        ),
        (
            Unfinished(4, 5, 12),
            "The time for writing questions was over after 4 of 5 places of the book: the members learn "
            "little of the others. A budget_seconds of about 60 (1 minute) would reach them all.",
        ),
        (None, None),
    ],
)
def test_too_little_time_to_write_is_told_with_the_time_that_is_enough_and_again_to_who_learns_the_same(
    desk: Desk,  # noqa: F811
    unfinished: Unfinished | None,
    told: str | None,
) -> None:
    first, second = studying(desk), studying(desk)
    first.keep(Written(WRITTEN, unfinished))
    found = second.written()
    assert found == Written(WRITTEN, unfinished)
    second.keep(found)
    for each in (first, second):
        assert warned(desk, each) == ({} if told is None else {"too-short": told})


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
    assert message.startswith("The time was over after 1 step, and the members would read everything once in")
    assert message.endswith("that is too little to matter. Give the recipe a longer budget_seconds.")


def studying(desk: Desk) -> Studying:  # noqa: F811
    """The study of a new job that has little time."""
    recipe = Recipe(**{**GOOD, "objective": "self_study", "budget_seconds": 120})
    with desk.database.write() as session:
        jobs.enqueue(session, book_id=desk.book.id, recipe=recipe.model_dump())
        job = jobs.lease(session, "desk", 60)
        source = provenance.source(session, desk.book.id)
    assert job is not None
    return Studying(desk.database, job, desk.scheduler.llm.identity, desk.skill, recipe, source)


def warned(desk: Desk, study: Studying) -> dict[str, str]:  # noqa: F811
    """What the job of a study was warned of, by its kind."""
    return {event.data["kind"]: event.message for event in desk.events(study.job) if event.level == "warning"}

"""How often a training is kept, counted in steps by a clock that only the test moves."""

from collections.abc import Sequence

import pytest
import torch

from app.training.checkpointing import Checkpointing
from store import jobs
from store.database import Database
from store.tables import Checkpoint as Kept
from store.tables import Job
from trainer.checkpoint import Checkpoint
from trainer.progress import Stepped

KEY = "0" * 64


class Training:
    """A job that is trained by steps of a second, of which a checkpoint takes so many seconds."""

    def __init__(self, database: Database, job: Job, takes: float) -> None:
        self.database = database
        self.job = job
        self.takes = takes
        self.now = 1000.0
        # The steps after which a checkpoint was made.
        self.kept: list[int] = []
        self.checkpoints = self.attempt()

    def attempt(self) -> Checkpointing:
        return Checkpointing(self.database, self.job, KEY, 60, clock=lambda: self.now)

    def step(self, number: int) -> None:
        def checkpoint() -> Checkpoint:
            self.now += self.takes
            self.kept.append(number)
            return Checkpoint({"members": torch.full([2], float(number))}, {"curve": {"steps": number}})

        self.now += 1
        self.checkpoints.stepped(Stepped(number, 1000, [1.0], 1.0, 10, 10.0, 0.0, checkpoint))
        self.checkpoints.keep_if_due()

    def steps(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.step(number)

    def in_the_database(self) -> int | None:
        with self.database.read() as session:
            kept = session.get(Kept, self.job.id)
            return None if kept is None else kept.step


@pytest.mark.parametrize(
    ("takes", "apart"),
    [
        (0.0, 1),  # each step
        (0.0625, 4),  # of 3.125 s at the least
        (0.375, 19),
        (3.0, 30),  # no killed worker loses more than 30 s, however long it takes
    ],
)
def test_a_checkpoint_takes_two_percent_of_the_time_and_comes_every_30_seconds_at_the_latest(
    database: Database,
    job: Job,
    takes: float,
    apart: int,
) -> None:
    training = Training(database, job, takes)
    training.steps(range(1, 181))
    assert training.kept == list(range(1, 181, apart))
    assert training.in_the_database() == training.kept[-1]


def test_a_training_that_goes_on_keeps_its_first_step_at_once(database: Database, job: Job) -> None:
    training = Training(database, job, takes=3.0)
    training.steps(range(1, 21))
    assert training.kept == [1]
    training.checkpoints = training.attempt()
    found = training.checkpoints.found()
    assert found is not None
    assert (found.facts["curve"]["steps"], found.tensors["members"].tolist()) == (1, [1.0, 1.0])
    training.steps(range(2, 22))
    assert training.kept == [1, 2]


def test_a_worker_that_leaves_keeps_its_last_step_once(database: Database, job: Job) -> None:
    training = Training(database, job, takes=3.0)
    training.steps(range(1, 21))
    training.checkpoints.keep()
    training.checkpoints.keep()
    assert training.kept == [1, 20]
    assert training.in_the_database() == 20


def test_an_attempt_that_lost_its_job_overwrites_no_checkpoint(database: Database, job: Job) -> None:
    training = Training(database, job, takes=0.0)
    training.steps(range(1, 11))
    with database.write() as session:
        jobs.release(session, job.id, job.token)
        assert jobs.lease(session, "another", 60) is not None
    training.step(11)
    assert training.in_the_database() == 10

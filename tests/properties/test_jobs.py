"""What holds of jobs whatever workers do, in whatever order, and whatever the clock says: real SQLite.

After every step:

- a job that runs is held under its newest token and by nobody else; whoever had it before is refused;
- tokens of a job are given once, each above the ones before;
- no job has more attempts that count than it may, and one that used them up has failed;
- what has ended stays as it ended.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store import books, jobs
from store.editions import Edition
from store.errors import StaleTokenError
from store.tables import Job
from tests.databases import new_database

Ended = Literal["succeeded", "failed", "cancelled"]
ENDED = ("succeeded", "failed", "cancelled")
WORKERS = st.sampled_from(["anna", "ben", "cleo"])
LEASE = 50.0


@dataclass(frozen=True)
class Hold:
    """A lease that somebody was given."""

    job: str
    token: int
    worker: str


class Queue(RuleBasedStateMachine):
    """Three workers on two books' jobs."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = new_database(Path(self.folder.name) / "jobs.db")
        self.holds: list[Hold] = []
        self.ended: dict[str, str] = {}
        with self.database.write() as session:
            self.books = [
                books.add(session, Edition(text, text * 64, [], []), title=text)[0].id for text in "ab"
            ]
            for book in self.books:
                jobs.enqueue(session, book_id=book, recipe={})

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    @rule(book=st.integers(0, 1))
    def enqueue(self, book: int) -> None:
        with self.database.write() as session:
            jobs.enqueue(session, book_id=self.books[book], recipe={})

    @rule(worker=WORKERS)
    def lease(self, worker: str) -> None:
        with self.database.write() as session:
            job = jobs.lease(session, worker, LEASE)
            if job is not None:
                assert all(each.token < job.token for each in self.holds if each.job == job.id)
                assert job.id not in self.ended
                self.holds.append(Hold(job.id, job.token, worker))

    @rule(seconds=st.sampled_from([-7200.0, -3600.0, -60.0, -20.0, 20.0, 60.0, 3600.0]))
    def clock_moves(self, seconds: float) -> None:
        """The clock that leases are counted by goes on, or jumps: all leases are nearer or further."""
        with self.database.write() as session:
            for job in session.query(Job).filter(Job.status == "running"):
                assert job.lease_until is not None
                job.lease_until -= timedelta(seconds=seconds)

    @precondition(lambda self: bool(self.holds))
    @rule(data=st.data(), step=st.integers(0, 5))
    def work(self, data: st.DataObject, step: int) -> None:
        self._as_holder(
            data, lambda session, hold: jobs.set_progress(session, hold.job, hold.token, {"step": step})
        )

    @precondition(lambda self: bool(self.holds))
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        self._as_holder(data, lambda session, hold: jobs.heartbeat(session, hold.job, hold.token, LEASE))

    @precondition(lambda self: bool(self.holds))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self._as_holder(data, lambda session, hold: jobs.release(session, hold.job, hold.token))

    @precondition(lambda self: bool(self.holds))
    @rule(data=st.data(), status=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def finish(self, data: st.DataObject, status: Ended) -> None:
        self._as_holder(
            data,
            lambda session, hold: jobs.finish(session, hold.job, hold.token, status=status),
        )

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        with self.database.read() as session:
            ids = [job.id for job in session.query(Job).order_by(Job.created_at, Job.id)]
        if ids:
            with self.database.write() as session:
                jobs.cancel(session, data.draw(st.sampled_from(ids)))

    def _as_holder(self, data: st.DataObject, act: object) -> None:
        """Whoever was ever given a lease acts on it: refused, unless it is the newest and the job runs."""
        hold = data.draw(st.sampled_from(self.holds))
        newest = max(each.token for each in self.holds if each.job == hold.job)
        with self.database.write() as session:
            job = jobs.get(session, hold.job)
            may = hold.token == newest and job.status == "running"
            if may:
                assert job.worker == hold.worker
                act(session, hold)  # type: ignore[operator]
            else:
                with pytest.raises(StaleTokenError):
                    act(session, hold)  # type: ignore[operator]

    @invariant()
    def each_is_held_by_one_and_tried_no_more_than_it_may(self) -> None:
        with self.database.read() as session:
            for job in session.query(Job):
                given = [each for each in self.holds if each.job == job.id]
                assert 0 <= job.attempts <= jobs.MAX_ATTEMPTS
                assert [each.token for each in job.history] == [each.token for each in given]
                open_ones = [each for each in job.history if each.outcome is None]
                if job.status == "running":
                    assert (job.token, job.worker) == (given[-1].token, given[-1].worker)
                    assert [each.token for each in open_ones] == [job.token]
                else:
                    assert (job.worker, job.lease_until, open_ones) == (None, None, [])
                if job.id in self.ended:
                    assert job.status == self.ended[job.id]
                if job.status in ENDED:
                    self.ended[job.id] = job.status


Queue.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestQueue = Queue.TestCase

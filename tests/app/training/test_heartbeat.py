"""A job keeps its lease while one piece of work takes longer than the lease."""

import threading

import pytest
from sqlalchemy import event

from app.training.heartbeat import CancelledError, Heartbeat
from store import books, jobs
from store.database import Database
from store.errors import NotFoundError, StaleTokenError
from store.tables import Job

# Of the lease under test. It beats every 20 ms.
SECONDS = 0.12


class Beats:
    """Waits for transactions on the database, which are the heartbeat's where nobody else writes."""

    def __init__(self, database: Database) -> None:
        self._ended = threading.Semaphore(0)
        for end in ("commit", "rollback"):
            event.listen(database.engine, end, lambda _: self._ended.release())

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self._ended.acquire(timeout=30)


def test_the_lease_is_renewed_again_and_again(database: Database, job: Job) -> None:
    with Heartbeat(database, job, SECONDS) as heartbeat:
        Beats(database).wait(3)
        heartbeat.check()
        with database.read() as session:
            first = jobs.get(session, job.id).lease_until
        Beats(database).wait(3)
        with database.read() as session:
            second = jobs.get(session, job.id).lease_until
    assert job.lease_until is not None
    assert first is not None
    assert second is not None
    # The minute was cut to the lease that is renewed, and that goes on.
    assert first < job.lease_until
    assert first < second


def test_a_wish_to_cancel_is_seen(database: Database, job: Job) -> None:
    with database.write() as session:
        jobs.cancel(session, job.id)
    with Heartbeat(database, job, SECONDS) as heartbeat:
        Beats(database).wait(3)
        with pytest.raises(CancelledError):
            heartbeat.check()


def test_27_a_call_has_a_wish_to_cancel_seen_at_once(database: Database, job: Job) -> None:
    with database.write() as session:
        jobs.cancel(session, job.id)
    with Heartbeat(database, job, 3600) as heartbeat:
        beats = Beats(database)
        heartbeat.call()
        beats.wait(1)
        while True:
            try:
                heartbeat.check()
            except CancelledError:
                break


def test_a_job_that_another_worker_took_is_seen(database: Database, job: Job) -> None:
    with database.write() as session:
        jobs.release(session, job.id, job.token)
        assert jobs.lease(session, "another", 60) is not None
    with Heartbeat(database, job, SECONDS) as heartbeat:
        Beats(database).wait(1)
    with pytest.raises(StaleTokenError):
        heartbeat.check()


def test_a_job_that_is_gone_with_its_book_is_seen(database: Database, job: Job) -> None:
    with database.write() as session:
        books.delete(session, job.book_id)
    with Heartbeat(database, job, SECONDS) as heartbeat:
        Beats(database).wait(1)
    with pytest.raises(NotFoundError):
        heartbeat.check()

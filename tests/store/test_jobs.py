from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store import books, checkpoints, clock, job_events, jobs, workers
from store.database import Database
from store.errors import NotFoundError, StaleTokenError
from store.tables import Artifact, Book, Job, Version, Worker


@pytest.fixture
def enqueue(add_book: Callable[..., Book]) -> Callable[..., Job]:
    def enqueue(session: Session, text: str = "Text.", **keywords: Any) -> Job:
        return jobs.enqueue(session, book_id=add_book(session, text).id, recipe={"steps": 4}, **keywords)

    return enqueue


def _lease(session: Session, worker: str = "w", seconds: float = 60) -> Job:
    job = jobs.lease(session, worker, seconds)
    assert job is not None
    return job


def _elapse(session: Session, job_id: str, seconds: float) -> None:
    """So many seconds pass for a lease, or come back, as where the clock of who wrote it was another."""
    job = jobs.get(session, job_id)
    assert job.lease_until is not None
    job.lease_until -= timedelta(seconds=seconds)
    session.flush()


def _kinds(session: Session, job_id: str) -> list[str]:
    return [event.data["kind"] for event in job_events.list_events(session, job_id)[0]]


def test_a_job_from_queue_to_success(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job = enqueue(session)
        assert job.id.startswith("job_")
        assert (job.kind, job.status, job.attempts, job.progress) == ("train", "queued", 0, None)
    with database.write() as session:
        leased = _lease(session, "worker-1")
        assert (leased.id, leased.status, leased.attempts, leased.token) == (job.id, "running", 1, 1)
        assert leased.worker == "worker-1"
        assert leased.lease_until is not None
        assert 55 < (leased.lease_until - clock.now(session)).total_seconds() <= 60
        assert jobs.lease(session, "worker-2", 60) is None
    with database.write() as session:
        jobs.set_progress(session, job.id, 1, {"step": 1})
        jobs.set_progress(session, job.id, 1, {"step": 2})
        _elapse(session, job.id, 61)
        assert jobs.heartbeat(session, job.id, 1, 60) is False
        assert jobs.lease(session, "worker-2", 60) is None
    with database.write() as session:
        jobs.finish(session, job.id, 1, status="succeeded", version_number=7)
    with database.read() as session:
        ended = jobs.get(session, job.id)
        assert (ended.status, ended.version_number, ended.progress) == ("succeeded", 7, {"step": 2})
        assert (ended.worker, ended.lease_until) == (None, None)
        assert ended.started_at is not None
        assert ended.finished_at is not None
        assert _kinds(session, job.id) == ["queued", "running", "succeeded"]
        assert job_events.list_events(session, job.id)[0][-1].data["version"] == 7


def test_jobs_are_taken_in_the_order_they_came(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        first, second = enqueue(session, "One."), enqueue(session, "Two.")
        taken = _lease(session)
        jobs.release(session, taken.id, taken.token)
        assert [_lease(session).id, _lease(session).id] == [first.id, second.id]
        assert jobs.count(session, "running") == 2


def test_a_look_sees_what_a_lease_would_take(database: Database, enqueue: Callable[..., Job]) -> None:
    def free(ended: str = "") -> bool:
        with database.read() as session:
            return jobs.any_free(session, 60, lambda worker: worker == ended)

    assert not free()
    with database.write() as session:
        job = enqueue(session)
    assert free()
    with database.write() as session:
        _lease(session, "w")
    assert (free(), free("another"), free("w")) == (False, False, True)
    with database.write() as session:
        _elapse(session, job.id, 61)
    assert free()


def test_two_workers_never_get_one_job(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job_id = enqueue(session).id
    together = Barrier(2)

    def work(worker: str) -> str | None:
        together.wait()
        with database.write() as session:
            job = jobs.lease(session, worker, 60)
            return job.id if job else None

    with ThreadPoolExecutor(2) as pool:
        taken = [found.result() for found in [pool.submit(work, "a"), pool.submit(work, "b")]]
    assert sorted(taken, key=str) == sorted([None, job_id], key=str)


def test_a_worker_that_vanished_is_replaced_and_refused(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session, "vanished", seconds=60)
        _elapse(session, job.id, 50)
        assert jobs.lease(session, "other", 60) is None
        _elapse(session, job.id, 11)
        again = _lease(session, "other", seconds=60)
        assert (again.id, again.attempts, again.token, again.worker) == (job.id, 2, 2, "other")
        for late in (
            lambda: jobs.heartbeat(session, job.id, 1, 60),
            lambda: jobs.set_progress(session, job.id, 1, {}),
            lambda: jobs.finish(session, job.id, 1, status="succeeded"),
            lambda: jobs.release(session, job.id, 1),
        ):
            with pytest.raises(StaleTokenError):
                late()
        jobs.finish(session, job.id, 2, status="succeeded")
        with pytest.raises(StaleTokenError):
            jobs.finish(session, job.id, 2, status="failed")
        assert jobs.get(session, job.id).status == "succeeded"


def test_a_late_worker_nobody_replaced_goes_on(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session)
        _elapse(session, job.id, 100)
        jobs.heartbeat(session, job.id, 1, 60)
        assert jobs.lease(session, "other", 60) is None


def test_a_job_that_kills_its_workers_fails_after_three_attempts(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    with database.write() as session:
        job, other = enqueue(session, "One."), None
        for attempt in range(3):
            assert _lease(session).attempts == attempt + 1
            _elapse(session, job.id, 61)
        other = enqueue(session, "Two.")
        assert _lease(session).id == other.id
        failed = jobs.get(session, job.id)
        assert (failed.status, failed.error_code, failed.attempts) == ("failed", "too-many-attempts", 3)
        last = job_events.list_events(session, job.id)[0][-1]
        assert (last.level, last.data) == ("error", {"kind": "failed", "code": "too-many-attempts"})
        assert [attempt.outcome for attempt in failed.history] == ["vanished"] * 3
        reasons = {attempt.reason for attempt in failed.history}
        assert reasons == {"Worker w stopped without a word, before the first step."}


def test_a_kill_of_the_machine_does_not_count_where_the_job_got_further(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    """Nor does it where one attempt got less far: it is the same step, again and again, that counts."""
    with database.write() as session:
        job = enqueue(session)
        counted = []
        for step in (2, 5, 3, 7, 7, 7):
            taken = _lease(session)
            counted.append(taken.attempts)
            jobs.set_progress(session, job.id, taken.token, {"step": step})
            _elapse(session, job.id, 61)
        assert counted == [1, 1, 1, 2, 2, 3]
        assert jobs.lease(session, "w", 60) is None
        failed = jobs.get(session, job.id)
        assert (failed.error_code, failed.attempts) == ("too-many-attempts", 3)
        assert [attempt.step for attempt in failed.history] == [2, 5, 3, 7, 7, 7]
        assert failed.history[1].reason == "Worker w stopped without a word, after step 5."


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
def test_40_a_lease_written_by_a_clock_that_was_wrong_by_an_hour_does_not_hold_the_job(
    database: Database, enqueue: Callable[..., Job], hours: int
) -> None:
    with database.write() as session:
        job = enqueue(session)
        first = _lease(session, "first")
        _elapse(session, job.id, -3600 * hours)
        second = _lease(session, "second")
        assert (second.id, second.attempts, second.token) == (first.id, 2, 2)
        with pytest.raises(StaleTokenError):
            jobs.finish(session, job.id, 1, status="succeeded")


def test_40_a_worker_that_lives_holds_its_job_whatever_its_own_clock_says(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session, "first")
        _elapse(session, job.id, -3600)
        jobs.heartbeat(session, job.id, 1, 60)
        assert jobs.lease(session, "second", 60) is None


def test_19_a_worker_that_has_ended_for_certain_is_replaced_at_once(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session, "dead")
        assert jobs.lease(session, "other", 60, lambda worker: worker == "another") is None
        again = jobs.lease(session, "other", 60, lambda worker: worker == "dead")
        assert again is not None
        assert (again.id, again.token, again.worker) == (job.id, 2, "other")
        assert not workers.any_alive(session, but="other")


def test_a_checkpoint_is_replaced_and_goes_with_the_end_of_its_job(
    database: Database, enqueue: Callable[..., Job]
) -> None:
    key = "a" * 64

    def kept(session: Session) -> list[bytes]:
        return list(session.scalars(select(Artifact.data)))

    with database.write() as session:
        job = enqueue(session)
        taken = _lease(session)
        checkpoints.put(session, job.id, key=key, step=1, data=b"one")
        checkpoints.put(session, job.id, key=key, step=1, data=b"one")
        assert kept(session) == [b"one"]
        checkpoints.put(session, job.id, key=key, step=2, data=b"two")
        assert kept(session) == [b"two"]
        jobs.release(session, job.id, taken.token)
    with database.write() as session:
        assert checkpoints.find(session, job.id, key) == b"two"
        assert checkpoints.find(session, job.id, "b" * 64) is None
        taken = _lease(session)
        jobs.finish(session, job.id, taken.token, status="failed", error_message="No.")
        assert checkpoints.find(session, job.id, key) is None
        assert kept(session) == []
        other = enqueue(session, "Other.")
        checkpoints.put(session, other.id, key=key, step=1, data=b"three")
        books.delete(session, other.book_id)
        assert kept(session) == []


def test_a_damaged_checkpoint_is_none(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job = enqueue(session)
        checkpoints.put(session, job.id, key="a" * 64, step=1, data=b"one")
        session.execute(update(Artifact).values(data=b"two"))
        assert checkpoints.find(session, job.id, "a" * 64) is None


def test_30_a_worker_lives_while_it_is_heard_of(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        assert not workers.any_alive(session)
        assert jobs.lease(session, "w", 60) is None
        assert workers.any_alive(session)
        assert not workers.any_alive(session, but="w")
        for seconds in (-61, 61, 3600):
            session.execute(update(Worker).values(seen_at=clock.now(session) + timedelta(seconds=seconds)))
            session.expire_all()
            assert not workers.any_alive(session)
        job = enqueue(session)
        _lease(session)
        session.execute(update(Worker).values(seen_at=clock.now(session) - timedelta(seconds=61)))
        session.expire_all()
        jobs.heartbeat(session, job.id, 1, 60)
        assert workers.any_alive(session)
        workers.gone(session, "w")
        assert not workers.any_alive(session)


def test_a_job_given_back_does_not_lose_an_attempt(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job = enqueue(session)
        for _ in range(5):
            taken = _lease(session)
            jobs.release(session, job.id, taken.token)
        assert (job.status, job.attempts, job.token, job.worker) == ("queued", 0, 5, None)
        assert [attempt.outcome for attempt in job.history] == ["given-back"] * 5
        with pytest.raises(StaleTokenError):
            jobs.heartbeat(session, job.id, 5, 60)
        assert _kinds(session, job.id) == ["queued", *["running", "queued"] * 5]


def test_cancelling(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        waiting = enqueue(session, "One.")
        assert jobs.cancel(session, waiting.id).status == "cancelled"
        assert jobs.cancel(session, waiting.id).status == "cancelled"
        assert jobs.lease(session, "w", 60) is None
        assert _kinds(session, waiting.id) == ["queued", "cancelled"]

        running = enqueue(session, "Two.")
        _lease(session)
        assert jobs.cancel(session, running.id).status == "running"
        assert jobs.heartbeat(session, running.id, 1, 60) is True
        jobs.finish(session, running.id, 1, status="cancelled")
        assert jobs.get(session, running.id).status == "cancelled"

        ended = enqueue(session, "Three.")
        _lease(session)
        jobs.finish(
            session, ended.id, 1, status="failed", error_code="out-of-memory", error_message="Too big."
        )
        assert jobs.cancel(session, ended.id).status == "failed"
        assert ended.cancel_requested is False
        with pytest.raises(NotFoundError):
            jobs.cancel(session, "job_none")


@pytest.mark.parametrize("end", ["given back", "vanished"])
def test_a_job_to_be_cancelled_is_not_started_again(
    database: Database, enqueue: Callable[..., Job], end: str
) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session)
        jobs.cancel(session, job.id)
        if end == "given back":
            jobs.release(session, job.id, 1)
        else:
            _elapse(session, job.id, 61)
        assert jobs.lease(session, "other", 60) is None
        assert jobs.get(session, job.id).status == "cancelled"
        assert _kinds(session, job.id) == ["queued", "running", "cancelled"]


def test_events_are_read_oldest_first_and_go_on(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job, other = enqueue(session, "One."), enqueue(session, "Two.")
        for step in range(3):
            job_events.add(
                session, job.id, level="info", type="metrics", message=f"Step {step}.", data={"step": step}
            )
    with database.read() as session:
        first, more = job_events.list_events(session, job.id, 0, 2)
        assert ([event.type for event in first], more) == (["message", "metrics"], True)
        rest, more = job_events.list_events(session, job.id, first[-1].id, 10)
        assert ([event.data for event in rest], more) == ([{"step": 1}, {"step": 2}], False)
        assert job_events.list_events(session, job.id, rest[-1].id) == ([], False)
        assert len(job_events.list_events(session, other.id)[0]) == 1


def test_lists_of_jobs(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        first, second = enqueue(session, "One."), enqueue(session, "Two.")
        third = enqueue(session, "One.")
        _lease(session)
        assert [job.id for job in jobs.list_jobs(session)[0]] == [third.id, second.id, first.id]
        assert [job.id for job in jobs.list_jobs(session, book_id=first.book_id)[0]] == [third.id, first.id]
        assert [job.id for job in jobs.list_jobs(session, statuses=["running"])[0]] == [first.id]
        known = jobs.list_jobs(session, statuses=["running", "queued"], owner="local")[0]
        assert [job.id for job in known] == [third.id, second.id, first.id]
        assert jobs.list_jobs(session, owner="ben") == ([], False)
        with pytest.raises(NotFoundError):
            jobs.list_jobs(session, owner="ben", after=third.id)
        assert jobs.list_jobs(session, after=third.id, limit=1) == ([second], True)
        assert jobs.latest(session, [first.book_id, second.book_id, "book_none"]) == {
            first.book_id: third,
            second.book_id: second,
        }
        assert (jobs.count(session, "queued"), jobs.count(session, "failed")) == (2, 0)


def test_what_is_not_there(
    database: Database, enqueue: Callable[..., Job], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        for call in (
            lambda: jobs.enqueue(session, book_id="book_none", recipe={}),
            lambda: enqueue(session, parent=1),
            lambda: jobs.get(session, "job_none"),
            lambda: jobs.heartbeat(session, "job_none", 1, 60),
            lambda: job_events.list_events(session, "job_none"),
            lambda: job_events.add(session, "job_none", level="info", type="message", message="", data={}),
            lambda: jobs.list_jobs(session, after="job_none"),
        ):
            with pytest.raises(NotFoundError):
                call()
        book_id = jobs.list_jobs(session)[0] or books.list_books(session)[0][0].id
        publish(session, book_id)
        assert enqueue(session, parent=1).parent_number == 1


def test_a_worker_hears_that_the_book_is_gone(database: Database, enqueue: Callable[..., Job]) -> None:
    with database.write() as session:
        job = enqueue(session)
        _lease(session)
    with database.write() as session:
        books.delete(session, job.book_id)
    with pytest.raises(NotFoundError), database.write() as session:
        jobs.heartbeat(session, job.id, 1, 60)

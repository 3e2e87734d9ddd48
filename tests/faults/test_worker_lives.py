"""Faults 23 and 35: whatever a job raises, and whatever the store does not take, the worker lives."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select
from torch import nn

from app.answering.skill import instruction_skill
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.training.worker import Worker
from store import books, jobs
from store.database import Database
from store.tables import Job, Version
from tests import tiny
from tests.app.training.test_job_runner import edition
from tests.databases import new_database
from tests.trials import passage_index, trial
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load

RECIPE = {"objective": "lm", "members": 1, "virtual_tokens": 4, "row_tokens": 32, "epochs": 1}


class Panic(BaseException):
    """As libraries in Rust raise: no Exception."""


class WordlessError(Exception):
    """An error whose message cannot be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Floor:
    """A worker with a database of its own, whose write lock is waited for 50 ms."""

    def __init__(self, folder: Path, llm: FrozenLLM) -> None:
        self.file = folder / "floor.db"
        new_database(self.file).close()
        self.database = Database(self.file, busy_timeout_s=0.05)
        # What the test writes waits for the worker's writes as long as a service's does.
        self.desk = Database(self.file)
        self.llm = llm
        self.scheduler = Scheduler(llm)
        skill = instruction_skill(llm)
        members = MemberCache(self.database, llm)
        index = passage_index(self.database, folder)
        trials = trial(self.database, llm, skill, index)
        self.worker = Worker(self.database, self.scheduler, index, members, skill, trials)
        with self.desk.write() as session:
            book, _ = books.add(session, edition(tiny.STORY), title="Lamps")
        self.book = book.id

    def queue(self, **recipe: int) -> str:
        with self.desk.write() as session:
            job = jobs.enqueue(session, book_id=self.book, recipe={**RECIPE, **recipe})
        self.worker.call()
        return job.id

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return jobs.get(session, job_id)

    def ended(self, job_id: str) -> Job:
        """The job once it has ended, which it can only while its worker lives."""
        while (job := self.job(job_id)).status in ("queued", "running"):
            assert self.worker.alive
        return job


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    llm = load(str(tiny.save(tmp_path / "model")), device="cpu", dtype="float32", cache_dir=tmp_path)
    floor = Floor(tmp_path, llm)
    floor.worker.start()
    yield floor
    floor.worker.close()
    floor.scheduler.close()
    floor.database.close()
    floor.desk.close()


@contextmanager
def as_it_learns(llm: FrozenLLM, fault: Callable[[], None]) -> Iterator[None]:
    """The fault happens when the LLM is first used in a training."""
    happened = threading.Event()

    def before(*_: object) -> None:
        if not happened.is_set():
            happened.set()
            fault()

    block: nn.Module = llm.model.base_model.layers[0].mlp
    hook = block.register_forward_pre_hook(before)
    try:
        yield
    finally:
        hook.remove()
    assert happened.is_set()


@contextmanager
def when_not_written(then: Callable[[], None]) -> Iterator[threading.Event]:
    """Calls `then` each time that the worker says what it could not write; the event says that it did."""
    said = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.WARNING:
                then()
                said.set()

    handler, logger = Handler(), logging.getLogger("app.training.worker")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def raising(error: BaseException) -> Callable[[], None]:
    def fault() -> None:
        raise error

    return fault


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("boom"), "boom"),
        (Panic("panicked"), "panicked"),
        (SystemExit(3), "3"),
        (RuntimeError("half \ud800 and \0"), "half \\ud800 and \\x00"),
        (WordlessError(), "WordlessError"),
    ],
    ids=["error", "panic", "exit", "unkept", "wordless"],
)
def test_35_whatever_a_job_raises_ends_its_attempt_alone(
    floor: Floor, error: BaseException, message: str
) -> None:
    with as_it_learns(floor.llm, raising(error)):
        job = floor.ended(floor.queue())
    assert (job.status, job.error_code, job.error_message) == ("failed", "training-failed", message)
    assert floor.ended(floor.queue()).status == "succeeded"
    assert floor.scheduler.alive


def test_23_the_end_of_a_job_is_written_once_the_lock_is_free(floor: Floor) -> None:
    lock = sqlite3.connect(floor.file, check_same_thread=False, isolation_level=None)

    def fault() -> None:
        lock.execute("BEGIN IMMEDIATE")
        raise RuntimeError("boom")

    with as_it_learns(floor.llm, fault), when_not_written(lambda: lock.rollback()) as said:
        job = floor.ended(floor.queue())
    assert said.is_set()
    assert (job.status, job.error_message, job.attempts) == ("failed", "boom", 1)
    assert floor.ended(floor.queue()).status == "succeeded"
    lock.close()


@contextmanager
def full_disk(database: Database) -> Iterator[threading.Event]:
    """While the event is set, the database's file cannot grow."""
    full = threading.Event()

    def begun(connection: Connection) -> None:
        most = 1 if full.is_set() else 2**30
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}").close()

    event.listen(database.engine, "begin", begun)
    yield full
    event.remove(database.engine, "begin", begun)


def test_23_the_end_of_a_job_is_written_once_the_disk_has_room(floor: Floor) -> None:
    long = "boom " * 100_000  # more than the pages that are free inside the file

    with full_disk(floor.database) as full:

        def fault() -> None:
            full.set()
            raise RuntimeError(long)

        with as_it_learns(floor.llm, fault), when_not_written(full.clear) as said:
            job = floor.ended(floor.queue())
        assert said.is_set()
        assert (job.status, job.error_message) == ("failed", long)
        assert floor.ended(floor.queue()).status == "succeeded"


def test_23_a_version_that_the_disk_has_no_room_for(floor: Floor) -> None:
    with full_disk(floor.database) as full, when_not_written(full.clear):
        with as_it_learns(floor.llm, full.set):
            job = floor.ended(floor.queue(members=16, virtual_tokens=64))
        full.clear()
        assert (job.status, job.error_code) == ("failed", "disk-full")
        with floor.database.read() as session:
            assert session.scalars(select(Version)).all() == []
        assert floor.ended(floor.queue()).status == "succeeded"


def test_a_worker_that_cannot_write_ends_at_shutdown(floor: Floor) -> None:
    lock = sqlite3.connect(floor.file, check_same_thread=False, isolation_level=None)

    def fault() -> None:
        lock.execute("BEGIN IMMEDIATE")
        raise RuntimeError("boom")

    with as_it_learns(floor.llm, fault), when_not_written(lambda: None) as said:
        job_id = floor.queue()
        assert said.wait(60)
        floor.worker.close()
    assert not floor.worker.alive
    lock.rollback()
    lock.close()
    assert floor.job(job_id).status == "running"  # until its lease ends


def test_a_worker_that_cannot_take_a_job_tries_again(floor: Floor) -> None:
    broken = threading.Event()
    broken.set()

    def begun(_: Connection) -> None:
        if broken.is_set() and threading.current_thread().name == "worker":
            raise RuntimeError("the driver has a defect")

    event.listen(floor.database.engine, "begin", begun)
    with when_not_written(broken.clear) as said:
        assert floor.ended(floor.queue()).status == "succeeded"
    assert said.is_set()
    event.remove(floor.database.engine, "begin", begun)

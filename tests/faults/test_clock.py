"""Faults 21 and 40: a worker whose clock was an hour off, and one that was thought dead and comes back."""

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.cli.child_process import Child
from store import clock, jobs
from store.database import Database
from store.errors import StaleTokenError
from store.tables import JobEvent, Version, Worker
from store.tables.base import utcnow
from tests import tiny
from tests.faults.test_killed_training import learn, until_step
from tests.faults.test_worker_lives import Floor
from tests.postgres import Server
from tests.service.conftest import service
from tests.service.test_workers import worker
from trainer.llm.loading import load

# Where Debian's package libfaketime has it; the variable names another place.
FAKETIME = [
    Path(os.environ.get("LIBFAKETIME", "/nowhere")),
    *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"),
]


def plain_worker(folder: Path, model: Path, **settings: str) -> Child:
    """`bookchorus worker` started as its users start it, so that a library of its environment is loaded."""
    words = ["worker", "--end-with-stdin", "--data-dir", str(folder / "data"), "--model", str(model)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    return Child([sys.executable, "-m", "app.cli", *words], folder / "plain.log", clean | settings)


class Clock:
    """The clock of processes that are started with `settings`: it can be set while they run."""

    def __init__(self, folder: Path) -> None:
        library = next((path for path in FAKETIME if path.exists()), None)
        if library is None:
            pytest.skip("libfaketime is not installed")
        self._file = folder / "clock"
        self.jump(0)
        self.settings = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            # What counts seconds from a start does not jump on any machine.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, hours: int) -> None:
        """So many hours off the clock of this machine, from now on."""
        other = self._file.with_suffix(".next")
        other.write_text(f"{hours * 3600:+d}\n")
        other.replace(self._file)


def off_by(database: Database, job: str) -> float:
    """By how many hours the job's lease ends later than one of this machine's clock would."""
    with database.read() as session:
        until = jobs.get(session, job).lease_until
    assert until is not None
    return round((until - utcnow()).total_seconds() / 3600)


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
def test_40_a_clock_that_jumps_beneath_a_worker_holds_no_job(
    tmp_path: Path, tiny_folder: Path, hours: int
) -> None:
    jumping = Clock(tmp_path)
    with (
        service(tmp_path, "--model", str(tiny_folder), trains="false") as client,
        plain_worker(tmp_path, tiny_folder, **jumping.settings) as jumped,
    ):
        database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
        job = learn(client)
        until_step(client, job, 2)
        assert off_by(database, job) == 0
        jumping.jump(hours)
        while off_by(database, job) != hours:
            assert client.job(job).status == "running"
        # It stands still, so that its lease counts: it lives. While this test writes, it does not.
        with database.write():
            os.kill(jumped._process.pid, signal.SIGSTOP)
        with worker(tmp_path, tiny_folder):
            assert list(client.follow(job))[-1].data["kind"] == "succeeded"
        database.close()
        assert [each.outcome for each in client.job(job).history] == ["vanished", "succeeded"]
        assert [version.number for version in client.versions()] == [1]


def heard_of(database: Database) -> int:
    """How many workers have looked for jobs."""
    with database.read() as session:
        return len(session.scalars(select(Worker)).all())


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
def test_40_leases_are_counted_by_the_one_clock_of_a_database_on_another_machine(
    tmp_path: Path, tiny_folder: Path, server: Server, hours: int
) -> None:
    jumping = Clock(tmp_path)
    with server.database() as url:
        settings = {"BOOKCHORUS_DATABASE_URL": url}
        database = Database(url)
        with (
            service(tmp_path, "--model", str(tiny_folder), trains="false", database_url=url) as client,
            plain_worker(tmp_path, tiny_folder, **jumping.settings, **settings) as jumped,
        ):
            job = learn(client)
            until_step(client, job, 2)
            jumping.jump(hours)
            with worker(tmp_path, tiny_folder, **settings):
                while heard_of(database) < 2:
                    assert not jumped.ended
                assert list(client.follow(job))[-1].data["kind"] == "succeeded"
            with database.read() as session:
                last = session.scalars(select(JobEvent).order_by(JobEvent.id.desc()).limit(1)).one()
            assert round((last.created_at - utcnow()).total_seconds() / 3600) == hours
            assert [each.outcome for each in client.job(job).history] == ["succeeded"]
            assert [version.number for version in client.versions()] == [1]
        database.close()


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
def test_40_a_lease_by_a_clock_that_is_an_hour_off_does_not_hold_its_job(tmp_path: Path, hours: int) -> None:
    llm = load(str(tiny.save(tmp_path / "model")), device="cpu", dtype="float32", cache_dir=tmp_path)
    floor = Floor(tmp_path, llm)
    job_id = floor.queue()
    with floor.database.write() as session:
        leased = jobs.lease(session, "elsewhere", 50)
        assert leased is not None
        token = leased.token
        leased.lease_until = clock.now(session) + timedelta(hours=hours, seconds=50)
    floor.worker.start()
    try:
        job = floor.ended(job_id)
        assert (job.status, job.attempts) == ("succeeded", 2)
        # The other comes back, and would publish what it has learned.
        with pytest.raises(StaleTokenError), floor.database.write() as session:
            jobs.finish(session, job_id, token, status="succeeded", version_number=2)
        with floor.database.read() as session:
            assert [version.number for version in session.scalars(select(Version))] == [1]
            assert [each.outcome for each in jobs.get(session, job_id).history] == ["vanished", "succeeded"]
    finally:
        floor.worker.close()
        floor.scheduler.close()
        floor.database.close()

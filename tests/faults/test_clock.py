"""Faults 21 and 40: a worker whose clock was an hour off, and one that was thought dead and comes back."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from store import clock, jobs
from store.errors import StaleTokenError
from store.tables import Version
from tests import tiny
from tests.faults.test_worker_lives import Floor
from trainer.llm.loading import load


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

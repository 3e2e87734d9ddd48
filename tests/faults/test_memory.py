"""Fault 22: memory runs out. A batch is halved; a single row that is too much is told of, with what fits."""

from pathlib import Path

import pytest

from app.answering.skill import instruction_skill
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.training.worker import Worker
from store import books, jobs
from store.database import Database
from store.tables import Job
from tests import tiny
from tests.app.training.test_job_runner import edition
from tests.memory import small_memory
from tests.trials import passage_index, trial
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.microbatches import Microbatches, OutOfMemoryError

RECIPE = {"objective": "lm", "members": 3, "virtual_tokens": 4, "row_tokens": 32, "epochs": 1}


@pytest.fixture
def own(tmp_path: Path) -> FrozenLLM:
    """An LLM of this test's own, on which hooks may stand."""
    return load(str(tiny.save(tmp_path / "model")), device="cpu", dtype="float32", cache_dir=tmp_path)


def ended(database: Database, scheduler: Scheduler, job_id: str) -> Job:
    """The job once it has ended; asks go on meanwhile."""
    while True:
        with database.read() as session:
            job = jobs.get(session, job_id)
        if job.status not in ("queued", "running"):
            return job
        assert scheduler.ask([Row(None, scheduler.llm.encode("Who?"), 3)]).result()[0].log_likelihoods


def test_a_job_is_learned_in_smaller_passes_or_says_what_would_fit(
    database: Database, own: FrozenLLM, tmp_path: Path
) -> None:
    scheduler, skill = Scheduler(own), instruction_skill(own)
    index = passage_index(database, tmp_path)
    worker = Worker(
        database,
        scheduler,
        index,
        MemberCache(database, own),
        skill,
        trial(database, own, skill, index),
        microbatches=Microbatches(own.device),
    )
    with database.write() as session:
        book, _ = books.add(session, edition(tiny.STORY), title="Lamps")

    def learned() -> Job:
        with database.write() as session:
            job = jobs.enqueue(session, book_id=book.id, recipe=RECIPE)
        worker.call()
        return ended(database, scheduler, job.id)

    worker.start()
    try:
        with small_memory(own, 80) as failed:
            assert learned().status == "succeeded"
            assert failed
        with small_memory(own, 32):
            job = learned()
            assert (job.status, job.error_code) == ("failed", "out-of-memory")
            assert "row_tokens" in str(job.error_message)
            assert "BOOKCHORUS_CHECKPOINTING=on" in str(job.error_message)
        assert learned().status == "succeeded"
    finally:
        worker.close()
        scheduler.close()


def test_asks_that_do_not_fit_together_are_answered_one_after_the_other(own: FrozenLLM) -> None:
    scheduler = Scheduler(own)
    rows = [[Row(None, own.encode(f"Who kept lamp {number}?"), 5)] * 2 for number in range(3)]
    expected = [decode(own, each) for each in rows]
    longest = max(row.length for each in rows for row in each)
    busy = scheduler.queue_training(lambda: None)
    busy.result()
    with small_memory(own, 2 * longest) as failed:
        futures = [scheduler.ask(each) for each in rows]
        answers = [future.result() for future in futures]
    assert failed
    assert answers == expected
    with small_memory(own, longest), pytest.raises(OutOfMemoryError, match="2 answers at once"):
        scheduler.ask(rows[0]).result()
    assert scheduler.ask(rows[0]).result() == expected[0]
    scheduler.close()

"""Fault 21: a worker that stands still, is thought dead, and comes back."""

import os
import signal
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from store import clock, jobs
from store.database import Database
from store.tables import Version
from tests.faults.test_killed_training import learn, until_step
from tests.service.conftest import service
from tests.service.test_workers import worker


def process_of(folder: Path, name: str) -> int:
    """The id of the process of a worker, which has locked the file of its name."""
    inode = (folder / "data" / "workers" / name).stat().st_ino
    locks = map(str.split, Path("/proc/locks").read_text().splitlines())
    [found] = {int(words[4]) for words in locks if words[5].endswith(f":{inode}")}
    return found


def test_21_a_worker_that_was_stopped_publishes_nothing_when_it_goes_on(
    tmp_path: Path, tiny_folder: Path
) -> None:
    with (
        service(tmp_path, "--model", str(tiny_folder), trains="false") as client,
        worker(tmp_path, tiny_folder, log="stopped.log") as stopped,
    ):
        first = learn(client)
        until_step(client, first, 2)
        database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
        # It is stopped while this test has the write lock, which it would hold for ever if it had it.
        with database.write() as session:
            held = jobs.get(session, first)
            assert held.status == "running"
            its_name, its_token = held.worker, held.token
            assert its_name is not None
            its_process = process_of(tmp_path, its_name)
            os.kill(its_process, signal.SIGSTOP)
            # It lives on this machine, so that its lease counts, the end of which would come in 50 seconds.
            held.lease_until = clock.now(session) - timedelta(seconds=1)
        with worker(tmp_path, tiny_folder) as other:
            followed = client.follow(first)
            next(each for each in followed if each.data.get("kind") == "resumed")
            # Both are at work on the job now.
            os.kill(its_process, signal.SIGCONT)
            told = list(followed)
            assert told[-1].data["kind"] == "succeeded"
            # Each step is told once: the first worker writes nothing any more.
            steps = [each.data["step"] for each in told if each.type == "metrics"]
            assert steps == sorted(set(steps))
            [published] = client.versions()
            other._process.terminate()
            assert other.wait() == 0
        # Only once it has let go of the first job can it take another.
        [book] = client.books()
        second = client.train(book.id, recipe={"objective": "lm", "members": 1, "budget_tokens": 500}).id
        assert list(client.follow(second))[-1].data["kind"] == "succeeded"
        assert [each.outcome for each in client.job(first).history] == ["vanished", "succeeded"]
        assert [version.number for version in client.versions()] == [2, 1]
        assert client.versions()[1].members == published.members
        with database.read() as session:
            rows = {version.number: version for version in session.scalars(select(Version))}
            assert [rows[number].job_id for number in (1, 2)] == [first, second]
            taken, again = jobs.get(session, first), jobs.get(session, second)
            assert taken.token > its_token
            assert [each.worker for each in again.history] == [its_name]
        database.close()
        assert not stopped.ended

"""Fault 30, and workers as processes of their own: a service answers, another process learns."""

import os
from pathlib import Path

from app.cli.child_process import Child
from tests.faults.test_killed_training import learn, until_step
from tests.service.conftest import service
from tests.warm.commands import python


def worker(folder: Path, model: Path, log: str = "worker.log", **settings: str) -> Child:
    """`bookchorus worker` on the data of the service in `folder`, with more in its environment."""
    words = ["worker", "--end-with-stdin", "--data-dir", str(folder / "data"), "--model", str(model)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    return Child(python("-m", "app.cli", *words, imported="service"), folder / log, clean | settings)


def test_30_a_job_says_that_no_worker_runs_until_one_does(tmp_path: Path, tiny_folder: Path) -> None:
    with service(tmp_path, "--model", str(tiny_folder), trains="false") as client:
        job = learn(client)
        waiting = client.job(job)
        assert (waiting.status, waiting.detail) == ("queued", "queued: no worker is running")
        assert "no worker is running" in client.ready().detail
        assert client.ask("Who kept a green lamp?").answer is not None
        with worker(tmp_path, tiny_folder) as first:
            until_step(client, job, 2)
            assert client.job(job).detail is None
            while client.ready().detail:  # on a busy machine it says for a moment what it last heard
                pass
            # A second service and a killed worker on the same folder: the job is taken at once.
            first._process.kill()
            first.wait()
        with worker(tmp_path, tiny_folder) as second:
            assert list(client.follow(job))[-1].data["kind"] == "succeeded"
            second._process.terminate()
            assert second.wait() == 0
        assert [each.outcome for each in client.job(job).history] == ["vanished", "succeeded"]
        assert [version.number for version in client.versions()] == [1]
        answer = client.ask("Who kept a green lamp?", seed=1)
        assert answer.versions[0].version == 1
        assert "no worker is running" in client.ready().detail

"""The main job through a cluster, and what becomes of it where parts of the cluster die."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.schemas import Answer
from tests import s3
from tests.cluster.conftest import Cluster
from tests.faults.test_killed_training import RECIPE, until_step
from tests.postgres import Server
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

QUESTION = "Who kept a green lamp?"


@pytest.fixture(scope="module")
def book(cluster: Cluster) -> str:
    """A book that the cluster has learned."""
    added = cluster.client.add(STORY, title="Lamp", recipe=QUICK)
    assert added.job is not None
    assert list(cluster.client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    # Until its own thread has the vectors that the trainer made, the index ranks by words alone.
    assert httpx.post(f"{cluster.client.url}/admin/rebuild", trust_env=False).is_success
    return added.book.id


def kill(deployment: str) -> None:
    """Kill one process of a deployment, as the kernel does where memory is short."""
    named = {int(each.name): _command(each) for each in Path("/proc").glob("[0-9]*")}
    for process, command in named.items():
        # What a replica forks has its name, too.
        if _is_replica(command, deployment) and not _is_replica(named.get(_parent(process), b""), deployment):
            os.kill(process, signal.SIGKILL)
            return
    pytest.fail(f"no process of {deployment} is there")


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _is_replica(command: bytes, deployment: str) -> bool:
    return command.startswith(b"ray::ServeReplica:bookchorus") and deployment.encode() in command


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def said(answer: Answer) -> object:
    """The answer and what it stands on; numbers as far as they are the same for any number of threads."""
    votes = [
        (each.text, each.member, each.passage, round(each.weight, 4))
        for vote in answer.votes
        for each in vote.candidates
    ]
    cited = [each.model_dump(exclude={"share", "score"}) for each in answer.citations]
    return answer.answer, round(answer.confidence, 4), votes, cited, answer.versions


def test_a_cluster_answers_as_one_process_does(
    cluster: Cluster, book: str, tiny_folder: Path, tmp_path: Path
) -> None:
    there = cluster.client.ask(QUESTION, books=[book], seed=3)
    assert there.versions[0].version == 1
    given = cluster.settings
    assert given.database_url
    assert given.artifacts
    shared = {"database_url": given.database_url, "artifacts": given.artifacts, "trains": "false"}
    with service(tmp_path, "--model", str(tiny_folder), **shared) as alone:
        assert said(alone.ask(QUESTION, books=[book], seed=3)) == said(there)
        assert alone.versions() == cluster.client.versions()


def test_asks_go_on_where_an_answerer_is_killed(cluster: Cluster, book: str) -> None:
    def ask(_: int) -> object:
        return said(cluster.client.ask(QUESTION, books=[book], seed=3))

    before = ask(0)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.map(ask, range(12))
        assert next(asked) == before
        kill("Answerer")
        assert [each for each in asked if each != before] == []


def test_a_job_goes_on_where_its_trainer_is_killed(cluster: Cluster) -> None:
    long = {**RECIPE, "budget_tokens": 20_000}
    job = cluster.client.add(STORY.replace("lamp", "lantern"), title="Lantern", recipe=long).job
    assert job is not None
    until_step(cluster.client, job.id, 1)
    kill("Trainer")
    assert list(cluster.client.follow(job.id))[-1].data["kind"] == "succeeded"
    assert [each.outcome for each in cluster.client.job(job.id).history] == ["vanished", "succeeded"]


def test_a_database_that_goes_away_is_told_and_comes_back(
    cluster: Cluster, book: str, server: Server
) -> None:
    before = said(cluster.client.ask(QUESTION, books=[book], seed=3))
    url = cluster.settings.database_url
    assert url is not None
    with server.refusing(url):
        answer = httpx.post(
            f"{cluster.client.url}/ask", json={"question": QUESTION}, trust_env=False, timeout=60
        )
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/store-unreachable"
        assert "retry-after" in answer.headers
    assert said(cluster.client.ask(QUESTION, books=[book], seed=3)) == before


def test_a_bucket_that_goes_away_is_told_and_comes_back(cluster: Cluster) -> None:
    added = cluster.client.add(STORY.replace("lamp", "torch"), title="Torch", recipe=QUICK)
    assert added.job is not None
    assert list(cluster.client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    asked = {"question": QUESTION, "books": [added.book.id], "seed": 3}
    with s3.hanging(cluster.bucket):
        answer = httpx.post(f"{cluster.client.url}/ask", json=asked, trust_env=False, timeout=60)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/bucket-unreachable")
        assert "retry-after" in answer.headers
    answer = httpx.post(f"{cluster.client.url}/ask", json=asked, trust_env=False, timeout=60)
    assert answer.json()["versions"] == [{"book": added.book.id, "version": 1, "revision": 1}]


def test_what_needs_weights_is_refused_where_there_are_none(cluster: Cluster, book: str) -> None:
    url = f"{cluster.client.url}/admin/books/{book}/versions/1/export"
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.json()["type"]) == (501, "/problems/weights-elsewhere")

"""Passages are embedded by whoever takes jobs: how far that is, and what of it is left by whom."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from sqlalchemy import func, select

from app.client import Client
from app.http.server import create_app
from app.service.assembly import build
from app.service.service import Service
from app.settings import Settings
from app.training.worker import Worker
from store.tables import Embedding
from tests.faults.test_killed_training import kill
from tests.faults.test_large_book import TEXT, cited, vectors
from tests.service.conftest import service, service_process
from tests.service.test_workers import worker
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

RECIPE = {"objective": "lm", "members": 2, "virtual_tokens": 4, "row_tokens": 32, "budget_tokens": 100}


class Letters:
    """An embedder: how often each letter comes. It says `at_work` before a batch, and waits for `go_on`."""

    def __init__(self, name: str = "letters", stops: int | None = None) -> None:
        """It waits before this one of its batches, counted from 1."""
        self.name = name
        self.at_work, self.go_on = Event(), Event()
        self._stops = stops
        self._batches = 0

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._batches += len(texts) > 1
        if self._batches == self._stops:
            self.at_work.set()
            assert self.go_on.wait(60)
        counts = np.array([[text.count(chr(97 + each)) + 0.1 for each in range(26)] for text in texts])
        unit: NDArray[np.float32] = (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(
            np.float32
        )
        return unit

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self(texts)


@contextmanager
def running(folder: Path, llm: FrozenLLM, embedder: Letters) -> Iterator[tuple[Service, TestClient]]:
    """A service in this process, whose worker takes jobs once it is started."""
    built = build(Settings(data_dir=folder, trains=False), llm, embedder)
    try:
        local = ("127.0.0.1", 50000)
        with TestClient(create_app(built), base_url="http://127.0.0.1", client=local) as http:
            yield built, http
    finally:
        embedder.go_on.set()
        built.close()


def worker_of(service: Service) -> Worker:
    assert service.worker is not None
    return service.worker


def add(http: TestClient, text: str) -> dict[str, Any]:
    answer = http.post("/books", json={"title": "Boats", "text": text, "recipe": RECIPE})
    assert answer.status_code == 202
    added: dict[str, Any] = answer.json()
    return added


def ended(http: TestClient, job: str) -> dict[str, Any]:
    """The job, once it has ended; its events are followed until then."""
    with http.stream("GET", f"/jobs/{job}/events", headers={"Accept": "text/event-stream"}) as stream:
        stream.read()
    found: dict[str, Any] = http.get(f"/jobs/{job}").json()
    return found


def test_an_answer_says_that_passages_are_found_by_words_alone_until_they_are_embedded(
    tmp_path: Path, llm: FrozenLLM
) -> None:
    with running(tmp_path, llm, Letters()) as (built, http):
        book = add(http, STORY)["book"]["id"]
        for asked in ({"books": [book]}, {}):
            answer = http.post("/ask", json={"question": "Who kept a lamp?", **asked}).json()
            assert answer["degraded"] == (
                f"unembedded: the passages of {book} are found by their words alone until all are embedded: "
                "ask again in a minute"
            )
        built.index.complete()
        answer = http.post("/ask", json={"question": "Who kept a lamp?", "books": [book]}).json()
        assert answer["degraded"] == "untrained"


def test_a_job_tells_how_far_its_passages_are_embedded(tmp_path: Path, llm: FrozenLLM) -> None:
    embedder = Letters(stops=3)
    with running(tmp_path, llm, embedder) as (built, http):
        added = add(http, TEXT)
        assert added["job"]["phase"] is None
        worker_of(built).start()
        assert embedder.at_work.wait(60)
        told = http.get(f"/jobs/{added['job']['id']}").json()
        assert told["progress"] is None
        passages = added["book"]["passages"]
        share = 8 / passages
        phase = {"kind": "embedding", "done": 8, "total": passages, "share": share, "eta_seconds": None}
        assert told["phase"] == phase
        assert http.get(f"/books/{added['book']['id']}").json()["embedded"] is False
        embedder.go_on.set()
        job = ended(http, added["job"]["id"])
        assert (job["status"], job["phase"]) == ("succeeded", None)
        assert job["progress"]["step"] == job["progress"]["steps"]
        assert http.get(f"/books/{added['book']['id']}").json()["embedded"] is True


def test_a_book_that_is_deleted_while_it_is_embedded_leaves_nothing(tmp_path: Path, llm: FrozenLLM) -> None:
    embedder = Letters(stops=2)
    with running(tmp_path, llm, embedder) as (built, http):
        gone, other = add(http, TEXT), add(http, STORY)
        worker_of(built).start()
        assert embedder.at_work.wait(60)
        assert http.delete(f"/books/{gone['book']['id']}").status_code == 204
        embedder.go_on.set()
        # The worker lives, and takes the next job.
        assert ended(http, other["job"]["id"])["status"] == "succeeded"
        assert http.get(f"/jobs/{gone['job']['id']}").status_code == 404
        assert worker_of(built).alive
        with built.database.read() as session:
            left = session.scalar(select(func.count()).select_from(Embedding))
        assert left == other["book"]["passages"]


def test_books_of_another_embedder_are_told_of_and_rebuilt(tmp_path: Path, llm: FrozenLLM) -> None:
    with running(tmp_path, llm, Letters("one")) as (built, http):
        book = add(http, STORY)
        http.post(f"/jobs/{book['job']['id']}/cancel")
        assert http.post("/admin/rebuild").status_code == 200
        assert shown(http, book) is True
        assert "by words alone" not in ready(http)
    with running(tmp_path, llm, Letters("two")) as (_, http):
        assert shown(http, book) is False
        assert "1 book is searched by words alone until a worker, or `bookchorus rebuild`, has" in ready(http)
        assert http.post("/admin/rebuild").status_code == 200
        assert shown(http, book) is True
        assert "by words alone" not in ready(http)
    with running(tmp_path, llm, Letters("three")) as (built, http):
        worker_of(built).start()
        until(lambda: shown(http, book))
        assert ready(http) == ""


def shown(http: TestClient, added: dict[str, Any]) -> bool:
    return bool(http.get(f"/books/{added['book']['id']}").json()["embedded"])


def ready(http: TestClient) -> str:
    """What the service says of itself, once the database has told it."""
    until(lambda: http.get("/readyz").status_code == 200)
    http.get("/readyz")
    return str(http.get("/readyz").json()["detail"])


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        pass


def test_kill_9_while_passages_are_embedded_doubles_nothing_and_begins_nothing_anew(
    tmp_path: Path, tiny_folder: Path
) -> None:
    model = ("--model", str(tiny_folder))
    with service_process(tmp_path, *model) as (client, child):
        added = client.add(TEXT, title="Boats", recipe=RECIPE)
        assert added.job is not None
        done(client, added.job.id)
        kill(child)
    before = vectors(tmp_path)
    assert 0 < before < added.book.passages
    with service(tmp_path, *model) as client:
        assert done(client, added.job.id, attempt=2) > before
        assert client.job(added.job.id).history[0].outcome == "vanished"
        list(client.follow(added.job.id))
        assert client.job(added.job.id).status == "succeeded"
        assert vectors(tmp_path) == added.book.passages
        assert client.book(added.book.id).embedded
        assert "seal oil" in cited(client, added.book.id)


def done(client: Client, job: str, attempt: int = 1) -> int:
    """How far the first word about embedding of this attempt says that it is."""
    begun = 0
    for event in client.follow(job):
        begun += event.data.get("kind") == "running"
        if begun == attempt and event.data.get("kind") == "embedding":
            return int(event.data["done"])
    raise AssertionError("the job has ended")


def test_a_worker_of_its_own_embeds_the_books_of_a_service_that_does_not(
    tmp_path: Path, tiny_folder: Path
) -> None:
    with service(tmp_path, "--model", str(tiny_folder), trains="false") as client:
        added = client.add(TEXT, title="Boats", recipe=RECIPE)
        assert added.job is not None
        assert not added.book.embedded
        assert vectors(tmp_path) == 0
        with worker(tmp_path, tiny_folder):
            list(client.follow(added.job.id))
        assert client.job(added.job.id).status == "succeeded"
        assert vectors(tmp_path) == added.book.passages
        # The service sees what another process embedded.
        assert client.book(added.book.id).embedded
        assert "seal oil" in cited(client, added.book.id)

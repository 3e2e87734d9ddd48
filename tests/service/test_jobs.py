import json
from itertools import groupby

import httpx

from app.client import Client
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


def test_a_job_is_followed_from_its_first_event_to_its_last(client: Client, http: httpx.Client) -> None:
    job = upload(http, STORY + "followed", wait=0).json()["job"]["id"]
    events = list(client.follow(job))
    kinds = [event.data["kind"] for event in events if event.type == "message"]
    before, after = kinds[: kinds.index("studied")], kinds[kinds.index("studied") :]
    assert [kind for kind, _ in groupby(before)] == ["queued", "running", "budget", "embedding", "writing"]
    assert after == ["studied", "evaluated", "evaluated", "published", "succeeded"]
    steps = [event.data for event in events if event.type == "metrics"]
    assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
    assert all(len(step["member_losses"]) == QUICK["members"] for step in steps)
    assert client.job(job).progress is not None


def test_jobs_are_listed_newest_first_by_status_and_by_book(client: Client, http: httpx.Client) -> None:
    first, second = (upload(http, STORY + word).json() for word in ("listed", "listed too"))
    book, job = second["book"]["id"], second["job"]
    again = http.post(f"/books/{book}/versions", json={"recipe": QUICK}).json()["job"]["id"]
    list(client.follow(again))
    assert [each.id for each in client.jobs(book=book)] == [again, job["id"]]
    assert [each.id for each in client.jobs(book=book, most=1)] == [again]
    listed = http.get("/jobs", params={"limit": 2}).json()
    assert (listed["object"], listed["has_more"]) == ("list", True)
    assert [each["id"] for each in listed["data"]] == [again, job["id"]]
    rest = http.get("/jobs", params={"limit": 1, "after": job["id"]}).json()["data"]
    assert rest == [http.get(f"/jobs/{first['job']['id']}").json()]
    assert rest[0]["title"] == first["book"]["title"]
    ended = http.get("/jobs", params={"book": book, "status": ["succeeded", "failed"]}).json()["data"]
    assert len(ended) == 2
    assert client.jobs(book=book, statuses=["queued", "running"]) == []
    assert http.get("/jobs", params={"status": "late"}).status_code == 422
    assert http.get("/jobs", params={"after": "job_none"}).status_code == 404


def test_events_are_pages_too_and_a_stream_goes_on_after_the_last_one_seen(http: httpx.Client) -> None:
    job = upload(http, STORY + "paged").json()["job"]["id"]
    page = http.get(f"/jobs/{job}/events", params={"limit": 3}).json()
    assert page["has_more"] is True
    last = page["data"][-1]["id"]
    rest = http.get(f"/jobs/{job}/events", params={"after": last}).json()["data"]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    stream = http.get(f"/jobs/{job}/events", headers=headers)
    assert stream.headers["content-type"].startswith("text/event-stream")
    sent = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: ")]
    assert sent == rest


def test_a_job_that_waits_is_cancelled_at_once_and_one_that_runs_at_its_next_step(http: httpx.Client) -> None:
    long = {**QUICK, "epochs": 1000}
    books = [{"title": word, "text": STORY + word, "recipe": long} for word in ("run", "wait")]
    running, waiting = (http.post("/books", json=book).json()["job"]["id"] for book in books)
    assert http.post(f"/jobs/{waiting}/cancel").json()["status"] == "cancelled"
    with http.stream("GET", f"/jobs/{running}/events", headers={"Accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if '"metrics"' in line)
        http.post(f"/jobs/{running}/cancel")
        ended = list(lines)
    assert any('"kind":"cancelled"' in line for line in ended)
    job = http.get(f"/jobs/{running}").json()
    assert (job["status"], job["version"]) == ("cancelled", None)
    assert http.get("/admin/prompts", params={"book": job["book"]}).json()["data"] == []
    assert http.get(f"/books/{job['book']}").json()["state"] == "untrained"

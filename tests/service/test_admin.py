from pathlib import Path

import httpx

from app.client import Client
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


def test_prompts_are_listed_with_all_that_tells_them_apart(http: httpx.Client) -> None:
    added = upload(http, STORY + "listed").json()
    [version] = http.get("/admin/prompts", params={"book": added["book"]["id"]}).json()["data"]
    assert version["book_title"] == "The Lamp of Ost"
    assert version["aliases"] == ["champion", "latest"]
    assert version["job"] == added["job"]["id"]
    assert version["recipe"]["members"] == QUICK["members"]
    assert version["base_model"]["hidden_size"] == 32
    assert version["base_model"]["quantization"] == "none"
    assert [member["seed"] for member in version["members"]] == [0, 1]
    assert len({member["sha256"] for member in version["members"]}) == 2
    assert version["bytes"] == sum(member["bytes"] for member in version["members"])
    assert version == http.get(f"/admin/books/{added['book']['id']}/versions").json()["data"][0]


def test_an_alias_is_moved_back_and_every_move_is_kept(client: Client, http: httpx.Client) -> None:
    book = upload(http, STORY + "rolled back").json()["book"]["id"]
    list(client.follow(client.train(book, recipe=QUICK).id))
    champion = f"/admin/books/{book}/aliases/champion"
    state = http.put(champion, json={"version": 1, "why": "it was better"}).json()
    assert state["version"] == 1
    assert [(move["from"], move["to"]) for move in state["history"]] == [(2, 1), (1, 2), (None, 1)]
    assert state["history"][0]["why"] == "it was better"
    assert state["moved"]
    # It is there already: the same state, and no move more.
    assert http.put(champion, json={"version": 1, "why": "again"}).json() == {**state, "moved": False}
    assert http.post("/ask", json={"question": "Who?", "books": [book]}).json()["versions"][0]["version"] == 1
    assert http.put(champion, json={"version": 7}).status_code == 404
    assert http.put(f"/admin/books/{book}/aliases/Not%20one", json={"version": 1}).status_code == 422
    assert http.delete(champion).json()["version"] is None
    assert http.get(f"/books/{book}").json()["aliases"] == {"latest": 2}


def test_admin_calls_need_the_key_and_prompts_outlive_a_restart(tiny_folder: Path, tmp_path: Path) -> None:
    model = ("--model", str(tiny_folder))
    with service(tmp_path, *model, admin_key="sesame") as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        asked = client.ask("Who?", books=[added.book.id], seed=3)
        [version] = client.versions()
        for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401)):
            answer = httpx.get(f"{client.url}/admin/prompts", headers=headers, trust_env=False)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
        assert httpx.delete(f"{client.url}/books/{added.book.id}", trust_env=False).status_code == 401
        assert f"Takes requests at {client.url} " in (tmp_path / "serve.log").read_text()
    with service(tmp_path, *model, admin_key="sesame") as client:
        assert client.versions() == [version]
        again = client.ask("Who?", books=[added.book.id], seed=3)
        assert (again.answer, again.votes) == (asked.answer, asked.votes)
        further = client.train(added.book.id, recipe=QUICK, parent=1)
        evaluated = [event.data for event in client.follow(further.id) if event.data.get("stage") == "before"]
        after = [member.loss_after for member in version.members]
        assert all(
            abs(a - (b or 0)) < 1e-6 for a, b in zip(evaluated[0]["member_losses"], after, strict=True)
        )


def test_a_job_that_was_queued_or_running_is_done_after_a_restart(tiny_folder: Path, tmp_path: Path) -> None:
    model = ("--model", str(tiny_folder))
    with service(tmp_path, *model) as client:
        endless = {**QUICK, "epochs": 500}
        first = client.add(STORY, title="Lamp", recipe=endless).job
        second = client.add(STORY + "more", title="Lamp 2", recipe=QUICK).job
        assert first is not None
        assert second is not None
        for event in client.follow(first.id):
            if event.type == "metrics":
                break
    with service(tmp_path, *model) as client:
        assert client.job(first.id).status in ("queued", "running")
        httpx.post(f"{client.url}/jobs/{first.id}/cancel", trust_env=False)
        list(client.follow(second.id))
        assert client.job(second.id).status == "succeeded"
        assert client.job(first.id).attempts <= 1

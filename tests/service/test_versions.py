import json
from typing import Any

import httpx

from app.client import Client
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY

# One step that moves nothing: random words, as they are.
STILL = {**QUICK, "epochs": 0.01, "learning_rate": 1e-12, "initialisation": "vocabulary"}


def learned(http: httpx.Client, book: str, **wish: Any) -> dict[str, Any]:
    """Learn another version of a book; the job's event that says what has become of it."""
    answer = http.post(f"/books/{book}/versions", json=wish)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["force"], job["parent"]) == (wish.get("force", False), wish.get("parent"))
    with http.stream("GET", f"/jobs/{job['id']}/events", headers={"Accept": "text/event-stream"}) as stream:
        lines = [line[6:] for line in stream.iter_lines() if line.startswith("data: ")]
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert events[-1]["data"]["kind"] == "succeeded", events[-1]
    [published] = [event for event in events if event["data"].get("kind") == "published"]
    return published


def test_another_version_goes_on_from_its_parent(http: httpx.Client) -> None:
    book = upload(http, STORY + "four").json()["book"]["id"]
    answer = http.post(f"/books/{book}/versions", json={"recipe": QUICK, "parent": 1})
    assert answer.status_code == 202
    job = answer.json()["job"]["id"]
    with http.stream("GET", f"/jobs/{job}/events", headers={"Accept": "text/event-stream"}) as stream:
        assert "succeeded" in stream.read().decode()
    versions = http.get(f"/admin/books/{book}/versions").json()["data"]
    assert [version["number"] for version in versions] == [2, 1]
    assert versions[0]["parent"] == 1
    for child, parent in zip(versions[0]["members"], versions[1]["members"], strict=True):
        assert abs(child["loss_before"] - parent["loss_after"]) < 1e-4


def test_a_version_cannot_go_on_from_one_that_is_not_there_or_of_another_shape(http: httpx.Client) -> None:
    book = upload(http, STORY + "five").json()["book"]["id"]
    for body, slug in (
        ({"parent": 9}, "no-such-parent"),
        ({"parent": 1, "recipe": {"members": 3}}, "invalid-recipe"),
        ({"recipe": {"members": 0}}, "invalid-recipe"),
        ({"recipe": {"virtual_tokens": 1000, "row_tokens": 4000}}, "invalid-recipe"),
    ):
        answer = http.post(f"/books/{book}/versions", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["type"] == f"/problems/{slug}"


def test_a_worse_version_waits_until_it_is_forced_or_promoted_by_hand(http: httpx.Client) -> None:
    good = {**QUICK, "epochs": 10, "learning_rate": 0.05}
    book = upload(http, STORY + "gated", recipe=json.dumps(good)).json()["book"]["id"]
    kept = learned(http, book, recipe=STILL)
    assert (kept["data"]["promoted"], kept["data"]["gate"]["passed"]) == (False, False)
    for name in ("loss", "champion_loss"):
        assert f"{kept['data']['gate'][name]:.4f}" in kept["message"]
    assert http.get(f"/books/{book}").json()["aliases"] == {"champion": 1, "latest": 2}
    asked = http.post("/ask", json={"question": "Who?", "books": [book]}).json()
    assert [version["version"] for version in asked["versions"]] == [1]
    forced = learned(http, book, recipe=STILL, force=True)
    assert (forced["data"]["promoted"], forced["data"]["gate"]["passed"]) == (True, False)
    assert http.get(f"/books/{book}").json()["aliases"] == {"champion": 3, "latest": 3}
    third, second, first = http.get(f"/admin/books/{book}/versions").json()["data"]
    assert first["gate"] is None
    assert (second["gate"], third["gate"]) == (kept["data"]["gate"], forced["data"]["gate"])


def test_a_wish_leaves_the_shape_to_its_parent(http: httpx.Client) -> None:
    book = upload(http, STORY + "shaped").json()["book"]["id"]
    few = {"budget_tokens": 1, "row_tokens": 32}
    learned(http, book, recipe={**few, "append": True, "virtual_tokens": 3}, parent=1)
    learned(http, book, recipe=few, parent=2)
    learned(http, book, recipe={**few, "append": True}, parent=3)
    versions = http.get(f"/admin/books/{book}/versions").json()["data"]
    shapes = [(len(each["members"]), each["recipe"]["virtual_tokens"]) for each in versions[::-1]]
    # The third is as long as the second is in all; what the fourth appends is as long as that.
    assert shapes == [(2, 4), (2, 3), (2, 7), (2, 7)]
    sizes = [each["members"][0]["bytes"] for each in versions[::-1]]
    assert (sizes[1] - sizes[0], sizes[2] - sizes[1], sizes[3] - sizes[2]) == (3 * 128, 0, 7 * 128)


def test_a_version_cannot_be_appended_to_nothing_nor_beyond_the_context(http: httpx.Client) -> None:
    book = upload(http, STORY + "appended").json()["book"]["id"]
    more = {"append": True, "row_tokens": 32}
    for wish, words in (
        ({"recipe": more}, "append needs a parent"),
        ({"recipe": {**more, "members": 3}, "parent": 1}, "2 members of 4 virtual tokens"),
        ({"recipe": {**more, "virtual_tokens": 989}, "parent": 1}, "A member's 993 virtual tokens"),
    ):
        answer = http.post(f"/books/{book}/versions", json=wish)
        assert answer.status_code == 422, wish
        assert answer.json()["type"] == "/problems/invalid-recipe"
        assert words in answer.json()["detail"]
    assert answer.json()["limit_tokens"] == 1024
    refused = upload(http, STORY + "appended to nothing", recipe=json.dumps(more))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-recipe")


def test_the_client_forces_and_appends(client: Client, http: httpx.Client) -> None:
    book = upload(http, STORY + "by the client").json()["book"]["id"]
    job = client.train(book, recipe={**QUICK, "append": True}, parent=1, force=True)
    assert (job.parent, job.force, job.recipe["append"]) == (1, True, True)
    list(client.follow(job.id))
    assert client.book(book).aliases["champion"] == 2

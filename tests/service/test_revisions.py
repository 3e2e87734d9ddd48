import json
import sqlite3
from hashlib import sha256
from pathlib import Path

import httpx

from app.client import Client
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


def revise(http: httpx.Client, book: str, text: str, **fields: str) -> httpx.Response:
    files = {"file": ("lamp.md", text.encode())}
    return http.post(f"/books/{book}/revisions", files=files, data=fields, params={"wait": 60})


def test_a_new_edition_is_learned_from_where_the_champion_stands(http: httpx.Client) -> None:
    old, new = STORY + "The old end.", STORY.replace("butter", "candles") + "The new end."
    book = upload(http, old, author="M. Ost", tags="lamps").json()["book"]
    answer = revise(http, book["id"], new)
    assert answer.status_code == 202
    revised, job = answer.json()["book"], answer.json()["job"]
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert (job["status"], job["parent"], job["version"]) == ("succeeded", 1, 2)
    assert (revised["id"], revised["revision"], revised["characters"]) == (book["id"], 2, len(new))
    for field in ("title", "author", "tags"):
        assert revised[field] == book[field]
    second, first = http.get(f"/admin/books/{book['id']}/versions").json()["data"]
    assert (first["revision"], second["revision"], second["parent"]) == (1, 2, 1)
    assert [len(each["members"]) for each in (first, second)] == [2, 2]
    assert second["data"]["text"] == sha256(new.encode()).hexdigest()
    for child, parent in zip(second["members"], first["members"], strict=True):
        assert child["loss_before"] != parent["loss_after"]


def test_answers_cite_the_new_text_and_say_what_the_members_learned(http: httpx.Client) -> None:
    book = upload(http, STORY + "The old end of Ost.").json()["book"]["id"]
    new = "# Candles\n\n" + STORY.replace("butter", "candles") + "The new end of Ost."
    # So many jobs may wait: the text is found before it is learned, by members of the old one.
    busy = {**QUICK, "epochs": 1000}
    running = upload(http, STORY + "keeps the worker busy", wait=0, recipe=json.dumps(busy)).json()["job"]
    waiting = http.post(f"/books/{book}/revisions", json={"title": "Candles", "text": new}).json()["job"]
    asked = http.post("/ask", json={"question": "What was the new end of Ost?", "books": [book]}).json()
    assert [version["revision"] for version in asked["versions"]] == [1]
    text = http.get(f"/books/{book}/text").text
    assert text == new
    assert any("new end" in each["text"] for each in asked["citations"])
    for citation in asked["citations"]:
        assert text[citation["start"] : citation["end"]] == citation["text"]
        assert citation["title"] == "Candles"
    for job in (waiting, running):
        http.post(f"/jobs/{job['id']}/cancel")


def test_every_text_is_kept_and_says_who_learned_it(http: httpx.Client) -> None:
    texts = [STORY + f"Edition {number}, é." for number in (1, 2)]
    book = upload(http, texts[0]).json()["book"]["id"]
    revise(http, book, texts[1], recipe=json.dumps(QUICK))
    listed = http.get(f"/books/{book}/revisions").json()
    assert (listed["object"], listed["has_more"]) == ("list", False)
    assert [(each["number"], each["versions"]) for each in listed["data"]] == [(2, [2]), (1, [1])]
    for each in listed["data"]:
        text = texts[each["number"] - 1]
        assert (each["format"], each["filename"], each["characters"]) == ("md", "lamp.md", len(text))
        assert each["sha256"] == sha256(text.encode()).hexdigest()
        shown = http.get(f"/books/{book}/text", params={"revision": each["number"]})
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"
        assert shown.text == text
    assert http.get(f"/books/{book}/text").text == texts[1]
    assert http.get(f"/books/{book}/text", params={"revision": 3}).status_code == 404
    assert http.get(f"/books/{book}/text", params={"revision": 0}).status_code == 422
    for path in ("revisions", "text"):
        assert http.get(f"/books/book_none/{path}").status_code == 404
    [version, _] = http.get(f"/admin/books/{book}/versions").json()["data"]
    assert version["parent"] is None


def test_the_same_text_again_changes_its_names_alone_and_another_books_is_refused(http: httpx.Client) -> None:
    one = upload(http, STORY + "one edition").json()
    other = upload(http, STORY + "another book").json()["book"]["id"]
    same = revise(http, one["book"]["id"], STORY + "one edition")
    assert (same.status_code, same.json()["book"], same.json()["job"]) == (200, one["book"], one["job"])
    assert same.json()["updated"] == []
    named = revise(http, one["book"]["id"], STORY + "one edition", title="Another name").json()
    assert (named["updated"], named["job"]) == (["title"], one["job"] | {"title": "Another name"})
    assert named["book"] == one["book"] | {"title": "Another name"}
    taken = revise(http, one["book"]["id"], STORY + "another book")
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/book-exists")
    assert taken.json()["book"] == other
    assert other in taken.json()["detail"]
    assert http.get(f"/books/{one['book']['id']}").json() == named["book"]
    assert revise(http, "book_none", STORY + "of nothing").status_code == 404


def test_title_author_and_tags_change_where_they_are_given(http: httpx.Client) -> None:
    book = upload(http, STORY + "named", author="M. Ost", tags="lamps, sea").json()["book"]["id"]
    fields = {"title": "Candles", "tags": "wax", "recipe": json.dumps(QUICK)}
    revised = revise(http, book, STORY + "of candles", **fields).json()["book"]
    assert (revised["title"], revised["author"], revised["tags"]) == ("Candles", "M. Ost", ["wax"])
    body = {"title": "Wicks", "author": "N. Ost", "text": STORY + "of wicks", "recipe": QUICK}
    revised = http.post(f"/books/{book}/revisions", json=body).json()["book"]
    assert (revised["title"], revised["author"], revised["tags"]) == ("Wicks", "N. Ost", ["wax"])
    many = {"tags": ",".join(map(str, range(100)))}
    refused = revise(http, book, STORY + "tagged", **many)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-tags")
    assert http.get(f"/books/{book}").json()["revision"] == 3


def test_the_client_uploads_an_edition(client: Client, http: httpx.Client, tmp_path: Path) -> None:
    book = upload(http, STORY + "from the client").json()["book"]["id"]
    file = tmp_path / "second.md"
    file.write_text(STORY + "from a file")
    added = client.add(file, revises=book, recipe=QUICK)
    assert (added.book.id, added.book.revision, added.book.filename) == (book, 2, "second.md")
    added = client.add(STORY + "from text", title="Third", revises=book, recipe=QUICK)
    assert (added.book.id, added.book.revision, added.book.title) == (book, 3, "Third")


def test_without_a_champion_that_can_go_on_an_edition_is_learned_from_scratch(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with service(tmp_path, "--model", str(tiny_folder), budget_seconds="1", admin_key="sesame") as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        with sqlite3.connect(tmp_path / "data" / "bookchorus.db") as database:
            database.execute("UPDATE versions SET pruned_at = '2026-01-01 00:00:00'")
        database.close()
        revised = client.add(STORY + "new", title="Lamp", revises=added.book.id)
        assert revised.job is not None
        assert (revised.job.parent, revised.job.recipe["members"]) == (None, 8)
        [last] = [
            event.message for event in client.follow(revised.job.id) if event.data.get("kind") == "published"
        ]
        assert last.startswith("Published version 2 as the champion: version 1 is pruned")
        wish = {"parent": 1}
        path = f"{client.url}/books/{added.book.id}"
        key = {"Authorization": "Bearer sesame"}
        refused = httpx.post(f"{path}/versions", json=wish, headers=key, trust_env=False)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/parent-pruned")
        body = {"title": "Lamp", "text": "Another."}
        assert httpx.post(f"{path}/revisions", json=body, trust_env=False).status_code == 401

"""The questions of a book over HTTP: seen, changed, and learned from."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from app.client import Client
from app.training.study import same_question
from store import questions, studies
from store.database import Database
from store.passages import passages_of_book
from store.questions import NewQuestion
from store.tables import Study
from tests.faults.test_bad_input import problem
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY

KEY = "a key"
STUDY = {**QUICK, "objective": "self_study", "kinds": 1}
WRITTEN = [("Who kept a green lamp?", "Mira", "who"), ("Why did she climb down?", "for butter", "why")]


@dataclass
class Library:
    """A service with an admin key, and the database behind it."""

    http: httpx.Client
    database: Database

    def book(self, more: str) -> str:
        """A book that was learned, about which the LLM has written two questions."""
        book_id: str = upload(self.http, f"{STORY}{more}.").json()["book"]["id"]
        with self.database.write() as session:
            [*_, passage] = passages_of_book(session, book_id)
            rows = [
                NewQuestion(passage, text, answer, same_question(text), kind)
                for text, answer, kind in WRITTEN
            ]
            questions.record(session, book_id, 1, rows)
        return book_id

    def listed(self, book_id: str, **wish: str | int) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/books/{book_id}/questions", params=wish).json()
        return found

    def change(self, book_id: str, *changes: dict[str, Any], key: str = KEY) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}" if key else ""}
        return self.http.patch(
            f"/books/{book_id}/questions", json={"changes": list(changes)}, headers=headers
        )

    def learn(self, book_id: str) -> dict[str, Any]:
        """Learn another version by the questions; the version."""
        headers = {"Authorization": f"Bearer {KEY}"}
        queued = self.http.post(f"/books/{book_id}/versions", json={"recipe": STUDY}, headers=headers)
        with Client(str(self.http.base_url), KEY) as client:
            ended = list(client.follow(queued.json()["job"]["id"]))[-1]
        assert ended.data["kind"] == "succeeded", ended.message
        versions = self.http.get(f"/admin/books/{book_id}/versions", headers=headers).json()
        found: dict[str, Any] = versions["data"][0]
        return found


@pytest.fixture(scope="module")
def library(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("questions")
    with service(folder, "--model", str(tiny_folder), admin_key=KEY) as client:
        database = Database(f"sqlite:///{folder / 'data' / 'bookchorus.db'}", busy_timeout_s=30)
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=client.url, headers=headers, timeout=60, trust_env=False) as http:
            yield Library(http, database)
        database.close()


def test_questions_are_listed_with_their_passages(library: Library) -> None:
    book = library.book("listed")
    page = library.listed(book)
    assert (page["object"], page["has_more"], len(page["data"])) == ("list", False, 2)
    [who] = library.listed(book, kind="who")["data"]
    text = library.http.get(f"/books/{book}/text").text
    assert "Butter burns" in text[who.pop("start") : who.pop("end")]
    assert who.pop("id").startswith("question_")
    assert who.pop("created_at") > 0
    assert who == {
        "object": "question",
        "book": book,
        "revision": 1,
        "text": "Who kept a green lamp?",
        "answer": "Mira",
        "kind": "who",
        "source": "llm",
        "passage": who["passage"],
        "chapter": "Two",
        "first_page": None,
        "last_page": None,
        "changed_at": None,
    }
    first = library.listed(book, limit=1)
    rest = library.listed(book, limit=1, after=first["data"][0]["id"])
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["data"] + rest["data"] == page["data"]
    assert library.listed(book, source="person")["data"] == []
    assert library.listed(book, passage=who["passage"])["data"] == page["data"]
    assert library.listed(book, revision=2)["data"] == []
    problem(library.http.get("/books/book_none/questions"), 404, "not-found")
    problem(library.http.get(f"/books/{book}/questions", params={"source": "me"}), 422, "invalid-request")


def test_changes_are_made_in_one_go_and_learned(library: Library) -> None:
    book = library.book("changed")
    who, why = sorted(library.listed(book)["data"], key=lambda each: str(each["kind"]))
    answer = library.change(
        book,
        {"change": "correct", "id": who["id"], "answer": "Mira, who lived in Ost"},
        {"change": "remove", "id": why["id"]},
        {"change": "add", "text": "What burns slowly?", "answer": "butter"},
    )
    assert answer.status_code == 200, answer.text
    corrected, added = answer.json()["questions"]
    assert answer.json()["removed"] == [why["id"]]
    assert (corrected["id"], corrected["text"], corrected["kind"]) == (who["id"], who["text"], "who")
    assert (corrected["answer"], corrected["source"]) == ("Mira, who lived in Ost", "person")
    assert corrected["changed_at"] >= corrected["created_at"]
    assert (added["source"], added["kind"], added["changed_at"]) == ("person", None, None)
    assert added["chapter"] == "Two"
    now = library.listed(book)["data"]
    assert sorted(each["id"] for each in now) == sorted([corrected["id"], added["id"]])

    version = library.learn(book)
    assert (version["recipe"]["objective"], version["recipe"]["person_weight"]) == ("self_study", 4)
    with library.database.read() as session:
        study = session.get_one(Study, version["study"])
        assert version["data"]["study"] == study.artifact_sha256
        learned = studies.items(session, study)
    assert {(each["question"], each["answer"], each["source"]) for each in learned} == {
        (each["text"], each["answer"], "person") for each in now
    }


def test_nothing_of_a_list_with_a_fault_is_applied(library: Library) -> None:
    book, other = library.book("faulty"), library.book("another")
    who, why = library.listed(book)["data"]
    foreign = library.listed(other)["data"][0]["id"]
    first = {"change": "remove", "id": who["id"]}
    faults: list[tuple[dict[str, Any], int, str]] = [
        ({"change": "remove", "id": "question_none"}, 404, "not-found"),
        ({"change": "correct", "id": foreign, "answer": "x"}, 404, "not-found"),
        ({"change": "add", "text": "Who?", "answer": "Mira", "passage": 9999}, 404, "not-found"),
        ({"change": "add", "text": why["text"].upper(), "answer": "Mira"}, 409, "question-exists"),
        ({"change": "add", "text": " ", "answer": "Mira"}, 422, "question-empty"),
        ({"change": "add", "text": "word " * 300, "answer": "Mira"}, 422, "question-too-long"),
        ({"change": "correct", "id": why["id"], "answer": ""}, 422, "answer-empty"),
        ({"change": "correct", "id": why["id"], "answer": "word " * 300}, 422, "answer-too-long"),
        ({"change": "add", "text": "Who?", "answer": "a frog"}, 422, "answer-not-in-book"),
        ({"change": "correct", "id": why["id"]}, 422, "invalid-request"),
        ({"change": "add", "text": "Who?", "answer": "Mira", "id": "x"}, 422, "invalid-request"),
        ({"change": "forget", "id": why["id"]}, 422, "invalid-request"),
    ]
    for fault, status, slug in faults:
        body = problem(library.change(book, first, fault), status, slug)
        if status == 422 and slug != "invalid-request":
            assert body["change"] == 1
        if slug == "question-exists":
            assert body["question"] == why["id"]
        assert [each["id"] for each in library.listed(book)["data"]] == [who["id"], why["id"]]
    problem(library.change(book), 422, "invalid-request")
    assert library.listed(other)["data"][0]["source"] == "llm"


def test_changes_need_the_key(library: Library) -> None:
    book = library.book("guarded")
    removal = {"change": "remove", "id": library.listed(book)["data"][0]["id"]}
    problem(library.change(book, removal, key=""), 401, "key-missing")
    problem(library.change(book, removal, key="another"), 401, "key-wrong")
    assert len(library.listed(book)["data"]) == 2


def test_changes_at_once_lose_nothing(library: Library) -> None:
    book = library.book("at once")
    who, _ = sorted(library.listed(book)["data"], key=lambda each: str(each["kind"]))
    start = Barrier(4)

    def change(number: int) -> int:
        start.wait()
        part = {"text": "Who kept the green lamp?"} if number % 2 else {"answer": f"Mira {number}"}
        add = {"change": "add", "text": f"What burns, {number}?", "answer": "butter"}
        return library.change(book, {"change": "correct", "id": who["id"], **part}, add).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(change, range(4))) == [200] * 4
    now = {each["id"]: each for each in library.listed(book)["data"]}
    assert len(now) == 6
    assert now[who["id"]]["text"] == "Who kept the green lamp?"
    assert now[who["id"]]["answer"] in ("Mira 0", "Mira 2")


def test_a_new_edition_keeps_what_people_wrote_where_its_text_is_there(library: Library) -> None:
    book = library.book("the old end")
    added = library.change(
        book,
        {"change": "add", "text": "Who steered home?", "answer": "fishermen"},
        {"change": "add", "text": "What was the end?", "answer": "the old end"},
    ).json()["questions"]
    files = {"file": ("lamp.md", f"{STORY}A new end.".encode())}
    headers = {"Authorization": f"Bearer {KEY}"}
    data = {"recipe": json.dumps(QUICK)}
    library.http.post(f"/books/{book}/revisions", files=files, data=data, headers=headers)
    [kept] = library.listed(book)["data"]
    assert (kept["text"], kept["revision"], kept["source"]) == ("Who steered home?", 2, "person")
    old = library.listed(book, revision=1)["data"]
    assert {each["id"] for each in added} < {each["id"] for each in old}
    assert {(each["chapter"], each["first_page"], each["last_page"]) for each in old} == {(None, None, None)}
    refused = library.change(book, {"change": "remove", "id": added[1]["id"]})
    assert problem(refused, 409, "question-of-old-revision")["revision"] == 1


def test_what_is_compared_is_asked_the_questions_as_they_stand(library: Library) -> None:
    book = library.book("compared")
    who, why = sorted(library.listed(book)["data"], key=lambda each: str(each["kind"]))
    library.change(
        book,
        {"change": "correct", "id": who["id"], "answer": "Mira of Ost"},
        {"change": "remove", "id": why["id"]},
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    wish = {"versions": [1, 1]}
    compared = library.http.post(f"/admin/books/{book}/compare", json=wish, headers=headers).json()
    assert [(each["question"], each["expected"]) for each in compared["questions"]] == [
        ("Who kept a green lamp?", "Mira of Ost")
    ]

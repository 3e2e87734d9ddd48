import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier
from typing import Any

import httpx
import pytest

from app.client import Client, ClientError
from tests import files
from tests.tiny import STORY

QUICK = {"members": 2, "virtual_tokens": 4, "row_tokens": 32, "epochs": 1}


def upload(
    http: httpx.Client, text: str | bytes, name: str = "lamp.md", wait: float = 60, **fields: str
) -> httpx.Response:
    files = {"file": (name, text if isinstance(text, bytes) else text.encode())}
    data = {"recipe": json.dumps(QUICK), **fields}
    return http.post("/books", files=files, data=data, params={"wait": wait})


def test_an_uploaded_book_is_learned_and_listed(http: httpx.Client) -> None:
    answer = upload(http, STORY + "one")
    assert answer.status_code == 202
    added = answer.json()
    assert answer.headers["location"] == f"/jobs/{added['job']['id']}"
    assert added["job"]["status"] == "succeeded"
    assert added["job"]["version"] == 1
    book = added["book"]
    assert (book["title"], book["state"]) == ("The Lamp of Ost", "ready")
    assert [chapter["title"] for chapter in book["chapters"]][-2:] == ["One", "Two"]
    assert book["aliases"] == {"champion": 1, "latest": 1}
    assert book == http.get(f"/books/{book['id']}").json()
    assert book in http.get("/books").json()["data"]


def test_a_json_book_is_the_same_as_a_file(http: httpx.Client) -> None:
    body = {"title": "Lamps", "author": "M. Ost", "text": STORY + "two", "recipe": QUICK}
    answer = http.post("/books", json=body, params={"wait": 60})
    assert answer.status_code == 202
    assert answer.json()["book"]["author"] == "M. Ost"
    again = upload(http, STORY + "two")
    assert again.status_code == 200
    assert again.json()["book"] == answer.json()["book"]


BOOKS = {
    "html": b"<html lang='en'><title>The Lamp</title><meta name='author' content='M. Ost'><h1>One</h1>"
    b"<p>Mira kept a green lamp in the tower.</html>",
    "epub": files.epub(
        {"one.xhtml": files.xhtml("<h1 id='o'>One</h1><p>Mira kept a green lamp in the tower.</p>")},
        nav='<nav epub:type="page-list"><ol><li><a href="one.xhtml#o">7</a></li></ol></nav>',
    ),
    "pdf": files.pdf(
        [[(60, 700, 20, "One"), *files.lines("Mira kept a green lamp in the tower.", top=650)]],
        info="/Title(The Lamp)/Author(M. Ost)",
        catalog="/Lang(en)/PageLabels<</Nums[0<</S/D/St 7>>]>>",
    ),
    "docx": files.docx(
        files.paragraph("One", "Heading1") + files.paragraph("Mira kept a green lamp in the tower."),
        more={
            "docProps/core.xml": "<p xmlns:d='d'><d:title>The Lamp</d:title><d:creator>M. Ost</d:creator>"
            "<d:language>en</d:language></p>"
        },
    ),
}


@pytest.mark.parametrize("form", BOOKS)
def test_books_of_every_format_are_read(http: httpx.Client, form: str) -> None:
    answer = http.post(
        "/books", files={"file": ("lamp.bin", BOOKS[form])}, data={"recipe": json.dumps(QUICK)}
    )
    assert answer.status_code == 202, answer.text
    book = answer.json()["book"]
    assert (book["format"], book["title"], book["author"], book["language"]) == (
        form,
        "The Lamp",
        "M. Ost",
        "en",
    )
    assert (book["passages"], book["filename"]) == (1, "lamp.bin")
    asked = http.post("/ask", json={"question": "Who kept a lamp?", "books": [book["id"]]})
    [citation] = asked.json()["citations"]
    assert citation["text"] == "Mira kept a green lamp in the tower."
    assert citation["page"] == ("7" if form in ("epub", "pdf") else None)
    http.post(f"/jobs/{answer.json()['job']['id']}/cancel")


def test_what_the_form_says_goes_before_what_the_file_says(http: httpx.Client) -> None:
    named = {"title": "Lamps", "author": "A. Reader"}
    data = BOOKS["html"].replace(b"green", b"blue")
    answer = http.post("/books", files={"file": ("lamp.html", data)}, data=named).json()
    assert (answer["book"]["title"], answer["book"]["author"]) == ("Lamps", "A. Reader")
    http.post(f"/jobs/{answer['job']['id']}/cancel")


def test_tags_come_with_a_form_or_json_and_stay(http: httpx.Client) -> None:
    added = upload(http, STORY + "tagged", tags=" Lamps, sea,lamps,", wait=0).json()["book"]
    assert added["tags"] == ["lamps", "sea"]
    body = {"title": "Lamps", "text": STORY + "tagged too", "tags": ["Lamps", "sea"], "recipe": QUICK}
    assert http.post("/books", json=body).json()["book"]["tags"] == ["lamps", "sea"]
    again = upload(http, STORY + "tagged", wait=0)
    assert (again.status_code, again.json()["book"]["tags"]) == (200, ["lamps", "sea"])
    assert again.json()["updated"] == []


def test_a_known_text_with_other_names_gets_them_and_says_so(http: httpx.Client) -> None:
    added = upload(http, STORY + "renamed", title="Lamp", tags="sea", wait=0).json()
    again = upload(http, STORY + "renamed", title="Lamps", author="M. Ost", tags="Sea, lamps", wait=0)
    assert (again.status_code, again.json()["updated"]) == (200, ["title", "author", "tags"])
    assert again.json()["job"]["id"] == added["job"]["id"]
    shown = http.get(f"/books/{added['book']['id']}").json()
    assert (shown["title"], shown["author"], shown["tags"]) == ("Lamps", "M. Ost", ["lamps", "sea"])
    same = upload(http, STORY + "renamed", title="Lamps", tags="lamps,sea", wait=0)
    assert (same.json()["updated"], same.json()["book"]) == ([], shown)


def test_a_book_is_edited_and_what_is_left_out_stays(client: Client, http: httpx.Client) -> None:
    book = upload(http, STORY + "edited", title="Lamp", author="A. Wrong", tags="sea", wait=0).json()["book"][
        "id"
    ]

    def edited(**wish: Any) -> list[Any]:
        answer = http.patch(f"/books/{book}", json=wish)
        assert answer.status_code == 200, answer.text
        shown = http.get(f"/books/{book}").json()
        assert answer.json() == shown
        return [shown[name] for name in ("title", "author", "language", "tags")]

    assert edited(title=" Lamps ", tags=["Night", "sea, lamps"]) == [
        "Lamps",
        "A. Wrong",
        None,
        ["lamps", "night", "sea"],
    ]
    assert edited(author="", language="de") == ["Lamps", None, "de", ["lamps", "night", "sea"]]
    assert edited(title="", author=None, language=None, tags=[]) == ["Lamps", None, None, []]
    assert edited() == ["Lamps", None, None, []]
    assert client.edit(book, author="M. Ost", language="en").author == "M. Ost"
    assert client.edit(book, author="").author is None


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ({"tags": [str(number) for number in range(17)]}, "invalid-tags"),
        ({"language": "Elvish"}, "invalid-request"),
        ({"title": "x" * 1001}, "invalid-request"),
        ({"name": "Lamp"}, "invalid-request"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(http: httpx.Client, wish: dict[str, Any], name: str) -> None:
    book = upload(http, STORY + "left alone", title="Lamp", tags="sea", wait=0).json()["book"]
    refused = http.patch(f"/books/{book['id']}", json={"author": "A", **wish})
    assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{name}")
    shown = http.get(f"/books/{book['id']}").json()
    assert [shown[each] for each in ("title", "author", "tags")] == ["Lamp", None, ["sea"]]


def test_a_book_is_embedded_before_it_is_learned_and_its_job_says_so(http: httpx.Client) -> None:
    added = upload(http, STORY + "embedded").json()
    passages = added["book"]["passages"]
    lines = http.get(f"/jobs/{added['job']['id']}/events").json()["data"]
    kinds = [line["data"].get("kind", line["type"]) for line in lines]
    assert kinds.index("running") < kinds.index("embedding") < kinds.index("evaluated")
    told = [line["data"] for line in lines if line["data"].get("kind") == "embedding"]
    assert told[-1] == {
        "kind": "embedding",
        "done": passages,
        "total": passages,
        "share": 1,
        "eta_seconds": 0,
    }


def test_the_language_that_is_given_counts(http: httpx.Client) -> None:
    added = upload(http, STORY + "spoken", wait=0, language="ger").json()["book"]
    assert added["language"] == "de"
    assert http.get(f"/books/{added['id']}").json()["language"] == "de"
    body = {"title": "Lamps", "text": STORY + "spoken too", "language": "pt-BR", "recipe": QUICK}
    told = http.post("/books", json=body).json()["book"]
    assert told["language"] == "pt-BR"
    revised = http.post(f"/books/{told['id']}/revisions", json=body | {"text": "New.", "language": "fr"})
    assert revised.json()["book"]["language"] == "fr"
    refused = upload(http, STORY + "not spoken", language="the one of birds")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-request")
    assert refused.json()["errors"][0]["where"] == "language"


def test_a_book_names_its_newest_job(http: httpx.Client) -> None:
    added = upload(http, STORY + "with a job").json()
    assert added["book"]["job"] == added["job"]["id"]
    again = http.post(f"/books/{added['book']['id']}/versions", json={"recipe": QUICK}).json()["job"]
    assert http.get(f"/books/{added['book']['id']}").json()["job"] == again["id"] != added["job"]["id"]


def test_a_book_is_found_by_its_file(http: httpx.Client, client: Client) -> None:
    text = STORY + "found by its file"
    added = upload(http, text, wait=0).json()["book"]
    assert added["sha256"] == sha256(text.encode()).hexdigest()
    assert [book.id for book in client.books(sha256=added["sha256"])] == [added["id"]]
    assert client.books(sha256="0" * 64) == []
    wish = [("sha256", added["sha256"]), ("sha256", "0" * 64)]
    assert [book["id"] for book in http.get("/books", params=wish).json()["data"]] == [added["id"]]


def test_a_book_is_removed_by_the_client(http: httpx.Client, client: Client) -> None:
    book = upload(http, STORY + "to be removed", wait=0).json()["book"]["id"]
    client.remove(book)
    assert http.get(f"/books/{book}").status_code == 404
    with pytest.raises(ClientError, match=book) as refused:
        client.remove(book)
    assert refused.value.status == 404


def test_lists_of_the_books_that_fit(http: httpx.Client) -> None:
    shelf = [
        upload(http, f"{STORY} listed {number}", author="Émile Ost", tags=tags, wait=0).json()["book"]["id"]
        for number, tags in enumerate(["listed", "listed", "other", "listed"])
    ]
    listed = [shelf[3], shelf[1], shelf[0]]

    def page(**wish: str) -> tuple[list[str], bool]:
        found = http.get("/books", params=wish).json()
        return [book["id"] for book in found["data"]], found["has_more"]

    assert page(author=" émile OST") == ([shelf[3], *shelf[2::-1]], False)
    assert page(author="Émile Ost", tag="LISTED") == (listed, False)
    assert page(tag="listed", limit="2") == (listed[:2], True)
    assert page(tag="listed", limit="2", after=listed[1]) == (listed[2:], False)
    assert page(author="Ost") == ([], False)
    assert page(author="Émile Ost", tag="elsewhere") == ([], False)


def test_the_same_bytes_twice_at_once_are_one_book_and_one_job(http: httpx.Client) -> None:
    together = Barrier(2)

    def send(_: int) -> httpx.Response:
        together.wait()
        return upload(http, STORY + "at once", wait=0)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(send, range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 202]
    assert len({answer.json()["book"]["id"] for answer in answers}) == 1
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1


def test_a_deleted_book_is_gone_with_all_that_was_learned(http: httpx.Client) -> None:
    added = upload(http, STORY + "three").json()
    book, job = added["book"]["id"], added["job"]["id"]
    assert http.delete(f"/books/{book}").status_code == 204
    assert http.get(f"/books/{book}").status_code == 404
    assert http.get(f"/jobs/{job}").status_code == 404
    assert http.get("/admin/prompts", params={"book": book}).json()["data"] == []
    assert http.post("/ask", json={"question": "Who?", "books": [book]}).status_code == 404


def test_lists_go_on_after_the_last_one_seen(http: httpx.Client) -> None:
    for number in range(3):
        upload(http, f"{STORY} page {number}", wait=0)
    whole = [book["id"] for book in http.get("/books", params={"limit": 200}).json()["data"]]
    first = http.get("/books", params={"limit": 2}).json()
    assert first["has_more"] is True
    second = http.get("/books", params={"limit": 2, "after": first["data"][-1]["id"]}).json()
    assert [book["id"] for book in first["data"] + second["data"]] == whole[:4]

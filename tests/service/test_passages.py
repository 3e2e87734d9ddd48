"""Passages over HTTP: found by words, and read with their neighbours."""

import httpx
import pytest

from app.client import Client, ClientError
from tests import files
from tests.faults.test_bad_input import problem
from tests.service.test_books import upload

# Long enough for several passages.
BOOK = "# The Lighthouse of Ost\n\n" + "\n\n".join(
    f"## Night {night}\n\nOn night {night} the keeper counted {animal}. " + "Ships went by in the fog. " * 25
    for night, animal in enumerate(["herons", "badgers", "otters", "lynxes"], start=1)
)


@pytest.fixture(scope="module")
def book(client: Client) -> str:
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        return str(upload(http, BOOK, name="ost.md").json()["book"]["id"])


def test_the_passage_that_fits_best_is_found_first_with_its_place(client: Client, book: str) -> None:
    found = client.passages.search("Who counted the otters?", books=[book], limit=3)
    assert len(found) == 3
    assert "counted otters" in found[0].text
    assert (found[0].book, found[0].title, found[0].chapter) == (book, "The Lighthouse of Ost", "Night 3")
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert client.passages.text(book)[found[0].start : found[0].end] == found[0].text
    # Of all books, the same one fits best.
    assert client.passages.search("Who counted the otters?")[0].id == found[0].id


def test_of_several_books_the_best_passages_of_all_are_found(client: Client, book: str) -> None:
    other = client.add("# Otters\n\nOtters eat fish.", title="Otters", recipe={"epochs": 1, "members": 2})
    found = client.passages.search("otters", books=[book, other.book.id], limit=2)
    assert {each.book for each in found} == {book, other.book.id}


def test_a_passage_is_read_with_its_neighbours(client: Client, book: str) -> None:
    [otters] = client.passages.search("otters", books=[book], limit=1)
    read = client.passages.read(otters.id, around=2)
    near = [*read.before, read.passage, *read.after]
    assert read.passage.id == otters.id
    assert [each.ordinal for each in near] == list(range(otters.ordinal - 2, otters.ordinal + 3))
    first = client.passages.read(near[0].id - near[0].ordinal)
    assert (first.before, first.passage.ordinal, len(first.after)) == ([], 0, 1)
    assert client.passages.read(otters.id, around=0).before == []


def test_a_passage_has_its_pages(client: Client) -> None:
    data = files.pdf(
        [files.lines("A cormorant sat on the quay.", top=650)], catalog="/PageLabels<</Nums[0<</S/D/St 7>>]>>"
    )
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        added = upload(http, data, name="quay.pdf").json()["book"]["id"]
    [found] = client.passages.search("cormorant", books=[added])
    assert (found.first_page, found.last_page) == ("7", "7")
    assert client.passages.read(found.id).passage.first_page == "7"


def test_what_cannot_be_searched_or_read_is_named(http: httpx.Client, book: str) -> None:
    nowhere = {"query": "otters", "book": "book_0000000000000000"}
    problem(http.get("/passages", params=nowhere), 404, "not-found")
    problem(http.get("/passages", params={"query": " "}), 422, "question-empty")
    problem(http.get("/passages", params={"query": "otters", "limit": 0}), 422, "invalid-request")
    for unknown in (10**9, 10**30):
        told = problem(http.get(f"/passages/{unknown}"), 404, "not-found")
        assert told["detail"] == f"There is no passage {unknown}."
    problem(http.get("/passages/first"), 422, "invalid-request")


def test_a_text_that_is_not_there_is_the_clients_error(client: Client) -> None:
    with pytest.raises(ClientError, match="There is no book"):
        client.passages.text("book_0000000000000000")

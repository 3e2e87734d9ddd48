"""The pages of a book's file, as answers name them."""

from typing import Any

import httpx
import pytest

from app.client import Client
from tests import files
from tests.service.test_books import upload

# One passage over the end of a page; its second page is blank.
FIRST = files.lines(
    "Old Tom kept the ledger in a tin box", "under the stair, and nobody else knew of it,", top=130
)
SECOND = files.lines("and he told his sister alone. The dog was", "called Button.")


@pytest.fixture(scope="module")
def book(client: Client) -> str:
    """Its pages are called 7, 8 and 9."""
    data = files.pdf([FIRST, b"", SECOND], catalog="/PageLabels<</Nums[0<</S/D/St 7>>]>>")
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        return str(upload(http, data, name="tom.pdf").json()["book"]["id"])


def cited(http: httpx.Client, book: str, question: str, *choices: str) -> dict[str, Any]:
    """The one passage, with the sentence that supports what is chosen."""
    asked = {"question": question, "books": [book], "strategy": "choices", "choices": choices}
    [citation] = http.post("/ask", json=asked).raise_for_status().json()["citations"]
    assert (citation["first_page"], citation["last_page"]) == ("7", "9")
    return dict(citation)


def test_the_page_is_that_of_the_sentence_quoted(http: httpx.Client, book: str) -> None:
    dog = cited(http, book, "What was the dog called?", "Button", "called Button")
    assert (dog["support"]["text"], dog["page"]) == ("The dog was called Button.", "9")
    ledger = cited(http, book, "Where was the ledger?", "in a tin box", "a tin box")
    assert ledger["support"]["text"].startswith("Old Tom kept the ledger")
    assert ledger["page"] == "7"


def test_without_such_a_sentence_it_is_the_page_on_which_the_passage_begins(
    http: httpx.Client, book: str
) -> None:
    other = cited(http, book, "What was it?", "quicksilver", "antimony")
    assert (other["support"], other["page"]) == (None, "7")

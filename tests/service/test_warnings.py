"""What of an uploaded file is not in the book's text."""

import json

import httpx

from tests import files
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY

TOWER = files.xhtml("<p>Mira kept a green lamp in the tower of Ost.</p>")
WARNING = "The document 'OEBPS/two.xhtml' is left out. The archive is damaged: "


def test_a_book_is_kept_without_what_cannot_be_read_and_says_so(http: httpx.Client) -> None:
    data = files.with_damaged_entry(files.epub({"one.xhtml": TOWER, "two.xhtml": TOWER}), "OEBPS/two.xhtml")
    answer = upload(http, data, name="lamp.epub", wait=0)
    assert answer.status_code == 202, answer.text
    book = answer.json()["book"]
    [warning] = book["warnings"]
    assert warning.startswith(WARNING)
    assert http.get(f"/books/{book['id']}/text").text == "Mira kept a green lamp in the tower of Ost."
    # The worker has it meanwhile.
    moved = {"state", "embedded"}
    [listed] = [each for each in http.get("/books").json()["data"] if each["id"] == book["id"]]
    assert {name for name in book if listed[name] != book[name]} <= moved
    assert listed.keys() == book.keys()
    # A whole edition has none; those of the text before are kept with it.
    whole = {"file": ("lamp.md", STORY.encode())}
    fields = {"recipe": json.dumps(QUICK)}
    revised = http.post(f"/books/{book['id']}/revisions", files=whole, data=fields).json()
    assert revised["book"]["warnings"] == []
    editions = http.get(f"/books/{book['id']}/revisions").json()["data"]
    assert [each["warnings"] for each in editions] == [[], [warning]]
    for job in (answer.json()["job"], revised["job"]):
        http.post(f"/jobs/{job['id']}/cancel")

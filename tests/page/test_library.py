"""The library: books are added, watched, stopped, promoted; keys and bad files are told in words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.client import Client
from tests.page.conftest import accessible
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


@pytest.fixture
def http(library: Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=library.url, timeout=60, trust_env=False) as http:
        yield http


def opened(page: Page, library: Client, http: httpx.Client, text: str, wait: float = 60, **named: str) -> str:
    """The id of a book that was uploaded, whose page is open."""
    book: str = upload(http, text, wait=wait, **named).json()["book"]["id"]
    page.goto(f"{library.url}/#/books/{book}")
    return book


def test_a_file_is_added_and_watched_until_it_is_learned(page: Page, library: Client, tmp_path: Path) -> None:
    file = tmp_path / f"{page.viewport_size}.txt"
    file.write_text(f"{STORY} A chorus of {page.viewport_size}.")
    page.goto(f"{library.url}/#/library")
    page.get_by_label("Add books").set_input_files(file)
    row = page.locator(".book-row").first
    expect(row.locator(".tag").first).to_have_text("learned")
    accessible(page)
    row.locator("a.title").click()
    expect(page.locator(".timeline li.champion")).to_contain_text("Version 1")
    page.get_by_text("How it learned").click()
    expect(page.locator("svg.curves")).to_be_visible()
    accessible(page)


def test_a_file_that_is_no_book_is_told_in_words(page: Page, library: Client, tmp_path: Path) -> None:
    file = tmp_path / "broken.epub"
    file.write_bytes(b"PK\x03\x04 and nothing else")
    page.goto(f"{library.url}/#/library")
    page.get_by_label("Add books").set_input_files(file)
    expect(page.get_by_role("alert").filter(has_text="broken.epub: ")).to_be_visible()


def test_a_version_is_promoted_and_rolled_back(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps(QUICK)
    book = opened(page, library, http, f"{STORY} {page.viewport_size}", recipe=recipe)
    expect(page.locator(".timeline li")).to_have_count(1)
    page.get_by_role("button", name="Learn again").click()
    expect(page.locator(".timeline li")).to_have_count(2)
    champion = page.locator(".timeline li.champion h3")
    before = champion.inner_text()

    page.get_by_role("button", name="Let it answer").click()
    page.get_by_label("Why").fill("to try it")
    page.get_by_label("Even though").check()
    accessible(page)
    page.get_by_role("button", name="Do it").click()
    expect(champion).not_to_have_text(before)
    page.get_by_text("Who moved what, and when").click()
    expect(page.get_by_text("to try it")).to_be_visible()

    page.get_by_role("button", name="Back to the version before").click()
    page.get_by_role("button", name="Do it").click()
    expect(champion).to_have_text(before)
    shown = http.get(f"/admin/books/{book}/aliases").json()
    assert shown["history"][0]["rollback"]


def test_learning_is_stopped(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps({**QUICK, "epochs": 1000})
    opened(page, library, http, f"{STORY} Without end. {page.viewport_size}", wait=0, recipe=recipe)
    learning = page.locator(".learning")
    expect(learning.get_by_role("status")).to_contain_text("Learns: step")
    expect(learning.locator("svg.curves")).to_be_visible()
    learning.get_by_role("button", name="Stop learning").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop learning").click()
    expect(learning.get_by_role("status")).to_have_text(re.compile("cancelled", re.IGNORECASE))


def test_all_versions_are_filtered_and_sorted(page: Page, library: Client, http: httpx.Client) -> None:
    opened(
        page,
        library,
        http,
        f"{STORY} For the admin. {page.viewport_size}",
        title="Zebra",
        recipe=json.dumps(QUICK),
    )
    expect(page.locator(".timeline li")).to_have_count(1)
    page.get_by_role("link", name="Admin").click()
    page.get_by_label("Filter").fill("zebra")
    expect(page.locator("tbody tr").first).to_contain_text("Zebra")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("columnheader", name="Book")).to_have_attribute("aria-sort", "ascending")
    accessible(page)


def test_a_key_is_asked_for_until_it_is_right(page: Page, tiny_folder: Path, tmp_path: Path) -> None:
    key = "a-key-of-the-administrator-0123456789"
    with service(tmp_path, "--model", str(tiny_folder), admin_key=key) as client:
        page.goto(client.url)
        for given in ("wrong", key):
            page.get_by_label("API key").fill(given)
            accessible(page)
            page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("button", name="Try it with the sample book")).to_be_visible()


def test_many_books_that_wait_leave_the_browser_its_connections(
    page: Page, library: Client, http: httpx.Client
) -> None:
    recipe = json.dumps({**QUICK, "epochs": 1000})
    texts = [f"{STORY} Number {number}. {page.viewport_size}" for number in range(8)]
    books = [upload(http, text, wait=0, recipe=recipe).json()["book"]["id"] for text in texts]
    page.goto(f"{library.url}/#/library")
    expect(page.locator(".learning svg.curves").first).to_be_visible()
    search = page.get_by_label("Search titles")
    for word in ("nothing", ""):
        search.press_sequentially(word)
        search.fill("")
    expect(page.locator(".learning")).to_have_count(2)
    # Were every book followed, and anew at each letter, this request would wait for ever.
    page.get_by_role("link", name="Admin").click()
    expect(page.get_by_role("heading", name="All versions")).to_be_visible()
    for book in books:
        http.delete(f"/books/{book}").raise_for_status()

"""A book: its questions, versions that come in, two versions side by side; and the keys of the keyboard."""

import json
from pathlib import Path

import httpx
from playwright.sync_api import FilePayload, Page, expect

from app.client import Client
from tests.page.conftest import accessible, opened
from tests.service.test_books import QUICK
from tests.tiny import STORY


def test_questions_are_added_corrected_filtered_and_removed(
    page: Page, library: Client, http: httpx.Client
) -> None:
    text = f"{STORY} Asked about. {page.viewport_size}"
    book = opened(page, library, http, text, recipe=json.dumps(QUICK))
    page.get_by_role("link", name="Questions").click()
    expect(page.get_by_text("There is none yet")).to_be_visible()
    own = page.locator("form.card")
    own.get_by_label("Question").fill("What burns slowly?")
    own.get_by_label("Answer").fill("not in this book")
    own.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    own.get_by_label("Answer").fill("butter")
    own.get_by_role("button", name="Add it").click()
    item = page.locator(".questions li")
    expect(item).to_contain_text("What burns slowly?")
    expect(page.get_by_role("alert")).to_have_count(0)
    accessible(page)

    item.get_by_role("button", name="Correct").click()
    page.get_by_role("dialog").get_by_label("Question").fill("What did she climb down for?")
    accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(item).to_contain_text("What did she climb down for?")
    [kept] = library.questions.of(book)
    assert (kept.text, kept.answer, kept.source) == ("What did she climb down for?", "butter", "person")

    page.get_by_label("Written by").select_option("by the LLM")
    expect(page.get_by_text("There is none of this kind.")).to_be_visible()
    page.get_by_label("Written by").select_option("by a person")
    item.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(item).to_have_count(0)
    assert library.questions.of(book) == []


def test_a_version_is_brought_in_and_compared(
    page: Page, library: Client, http: httpx.Client, tmp_path: Path
) -> None:
    text = f"{STORY} Brought in. {page.viewport_size}"
    book = opened(page, library, http, text, recipe=json.dumps(QUICK))
    file = tmp_path / "version.zip"
    file.write_bytes(http.get(f"/admin/books/{book}/versions/1/export").raise_for_status().content)
    page.get_by_text("Bring a version in").click()
    page.get_by_label("A zip archive").set_input_files(file)
    page.get_by_label("Let it answer at once").check()
    accessible(page)
    page.get_by_role("button", name="Bring in").click()
    expect(page.locator(".timeline li.champion")).to_contain_text("Version 2")

    page.get_by_text("Compare two versions").click()
    page.get_by_label("Questions, one a line").fill("Who kept a green lamp?\nWhat burns?")
    page.get_by_role("button", name="Compare", exact=True).click()
    rows = page.get_by_role("table", name="Compare two versions").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("sure: ")
    accessible(page)


def test_what_is_no_version_is_told_in_words(page: Page, library: Client, http: httpx.Client) -> None:
    text = f"{STORY} Not brought in. {page.viewport_size}"
    opened(page, library, http, text, recipe=json.dumps(QUICK))
    page.get_by_text("Bring a version in").click()
    file = FilePayload(name="version.zip", mimeType="application/zip", buffer=b"no archive")
    page.get_by_label("A zip archive").set_input_files(file)
    page.get_by_role("button", name="Bring in").click()
    expect(page.get_by_role("alert").filter(has_text="archive")).to_be_visible()
    expect(page.get_by_role("button", name="Bring in")).to_be_enabled()


def test_keys_of_the_keyboard(page: Page, library: Client, http: httpx.Client) -> None:
    book = opened(page, library, http, f"{STORY} By keys. {page.viewport_size}", wait=0, title="By keys")
    expect(page).to_have_title("By keys · Bookchorus")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("to the question")
    accessible(page)
    page.keyboard.press("/")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.url.endswith(book)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    question = page.get_by_label("Your question")
    expect(question).to_be_focused()
    page.keyboard.type("1/2?")
    expect(question).to_have_value("1/2?")
    page.get_by_role("link", name="Ask").focus()
    page.keyboard.press("/")
    expect(question).to_be_focused()

"""Threads: a question follows another, and is found again later."""

import re

import httpx
from playwright.sync_api import Page, expect

from app.client import Client
from app.schemas import Answer
from tests.page.conftest import accessible
from tests.tiny import STORY


def learned(library: Client) -> None:
    """There is a book that was learned."""
    if not library.books():
        added = library.add(STORY, title="Lamp", recipe={"members": 1, "virtual_tokens": 4, "epochs": 1})
        assert added.job is not None
        list(library.follow(added.job.id))


def test_a_question_follows_another_and_both_are_found_again(page: Page, library: Client) -> None:
    size = "x".join(map(str, (page.viewport_size or {}).values()))
    learned(library)
    page.goto(library.url)
    question = page.get_by_label("Your question")
    turns = page.locator("section.turn")
    first, second = f"Who kept the lamp of {size}?", "What burned in it?"
    for number, text in enumerate((first, second), start=1):
        question.fill(text)
        question.press("Enter")
        expect(turns).to_have_count(number)
        expect(question).to_have_value("")
    assert [turns.nth(at).get_by_role("heading", level=2).first.inner_text() for at in (0, 1)] == [
        first,
        second,
    ]
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    expect(page).to_have_url(re.compile("thread=thread_"))
    accessible(page)
    [thread] = [each for each in library.threads.list() if each.title == first]
    assert thread.questions == 2

    # Its address opens it again, and a citation leads into the book and back.
    page.reload()
    expect(turns).to_have_count(2)
    turns.last.get_by_role("link", name="Read on in the book").first.click()
    page.locator(".sticky").get_by_role("link", name=second).click()
    expect(turns).to_have_count(2)

    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title").fill(f"Lamps {size}")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Lamps {size}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as Markdown").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert f"# Lamps {size}" in text
    assert f"## {second}" in text

    page.get_by_role("link", name="New thread").click()
    expect(turns).to_have_count(0)
    search = page.get_by_label("Search questions and answers")
    search.fill("nowhere")
    expect(page.get_by_text("No thread has these words.")).to_be_visible()
    search.fill(f"lamps {size} burn")
    page.get_by_role("link", name=f"Lamps {size}").click()
    expect(turns).to_have_count(2)

    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask your books")
    expect(page.get_by_role("link", name=f"Lamps {size}")).to_have_count(0)
    page.goto(f"{library.url}/#/?thread={thread.id}")
    expect(page.get_by_text("That thread is not there any more")).to_be_visible()


def test_of_choices_it_is_said_that_they_share_what_a_reading_weighs(
    page: Page, library: Client, http: httpx.Client
) -> None:
    learned(library)
    asked = {"question": "Who kept the lamp?", "choices": ["the smith", "the baker"], "thread": "new"}
    answer = Answer.model_validate(http.post("/ask", json=asked).raise_for_status().json())
    page.goto(f"{library.url}/#/?thread={answer.thread}")
    page.get_by_text("Where these shares come from").click()
    expect(page.get_by_text("A reading weighs by Fits to the power of")).to_contain_text(
        "; the choices share that by how sure the reader is of their words"
    )
    rows = page.get_by_role("table", name="Where these shares come from").get_by_role("row")
    expect(rows).to_have_count(1 + sum(len(vote.candidates) for vote in answer.votes))
    heaviest = max((one for vote in answer.votes for one in vote.candidates), key=lambda one: one.weight)
    expect(rows.nth(1)).to_contain_text(heaviest.text)

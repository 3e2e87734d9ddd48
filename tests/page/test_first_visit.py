"""Somebody comes for the first time, takes the sample book, asks, and looks where it says so."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.conftest import accessible
from tests.service.conftest import service


def test_the_sample_book_is_asked_and_its_sentence_is_shown(page: Page, tmp_path: Path) -> None:
    # The embedded LLM, which reads; what members would learn is not the point here.
    with service(tmp_path, trains="false") as client:
        page.goto(client.url)
        accessible(page)
        page.get_by_role("button", name="Try it with the sample book").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("The Tidewright of Sprill")
        accessible(page)
        page.get_by_role("link", name="Ask").first.click()
        question = page.get_by_label("Your question")
        question.fill("Who stole the Wren from the tide engine?")
        question.press("Enter")
        answer = page.locator("article.answer:not([data-unfinished])")
        expect(answer.locator(".said")).to_have_text("Bartle Oon")
        expect(answer).to_contain_text("the LLM alone")
        accessible(page)

        # Who said so, and from where: the dot of a vote points to its passage.
        answer.locator(".dots button").first.click()
        expect(answer.locator("li.chosen mark")).to_contain_text("Bartle Oon")
        answer.get_by_role("link", name="Read on in the book").first.click()
        sentence = "So it was Bartle Oon who had stolen the Wren from the tide engine."
        expect(page.locator(".reader mark")).to_have_text(sentence)
        expect(page.locator(".reader mark")).to_be_in_viewport()
        accessible(page)
        place = page.url
        page.keyboard.press("n")
        expect(page).not_to_have_url(place)
        page.keyboard.press("p")
        expect(page.locator(".reader mark")).to_have_text(sentence)

        # What was asked is still there after the browser was somewhere else.
        page.goto(f"{client.url}/#/")
        page.get_by_role("button", name=re.compile("Who stole the Wren")).click()
        expect(page.locator(".said")).to_have_text("Bartle Oon")


def test_what_the_book_does_not_tell_is_no_answer(page: Page, tmp_path: Path) -> None:
    with service(tmp_path, trains="false") as client:
        file = tmp_path / "lamp.txt"
        file.write_text("Mira kept a green lamp in the tower of Ost. It burned every night.")
        client.add(file)
        page.goto(client.url)
        question = page.get_by_label("Your question")
        question.fill("What is the capital of Mongolia?")
        question.press("Enter")
        expect(page.locator(".said").last).to_have_text("I don't know")
        expect(page.get_by_role("heading", name="The closest places in the book")).to_be_visible()

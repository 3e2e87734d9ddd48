"""Somebody comes for the first time, takes the sample book, asks, and looks where it says so."""

import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from app.client import Client
from app.schemas import Answer
from tests.page.conftest import accessible
from tests.service.conftest import service
from tests.service.test_declining import QUESTION


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with the embedded LLM, which reads; what members would learn is not the point here."""
    with service(tmp_path_factory.mktemp("reading"), trains="false") as client:
        yield client


@pytest.fixture
def empty(reading: Client) -> Iterator[Client]:
    """The same, to which nobody has added a book yet, and which nobody has asked anything."""
    yield reading
    for book in reading.books():
        reading.remove(book.id)
    for thread in reading.threads.list():
        reading.threads.delete(thread.id)


def test_the_sample_book_is_asked_and_its_sentence_is_shown(page: Page, empty: Client) -> None:
    page.goto(empty.url)
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

    [turn] = empty.threads.read(empty.threads.list()[0].id).turns
    shares_are_told(page, answer, turn.answer)

    # Who said so, and from where: the dot of a vote points to its passage.
    answer.locator(".dots button").first.click()
    expect(answer.locator("li.chosen mark")).to_contain_text("Bartle Oon")
    answer.get_by_role("link", name="Read on in the book").first.click()
    sentence = "So it was Bartle Oon who had stolen the Wren from the tide engine."
    expect(page.locator(".reader mark")).to_have_text(sentence)
    expect(page.locator(".reader mark")).to_be_in_viewport()
    accessible(page)
    page.keyboard.press("n")
    expect(page.get_by_text("Citation 2 of")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator(".reader mark")).to_have_text(sentence)

    # What was asked is still there after the browser was somewhere else.
    page.goto(f"{empty.url}/#/")
    page.get_by_role("link", name=re.compile("Who stole the Wren")).click()
    expect(page.locator(".said")).to_have_text("Bartle Oon")


def shares_are_told(page: Page, shown: Locator, answer: Answer) -> None:
    """Beside each reading stand its passage's number and what it weighs by, what weighs most first."""
    shown.get_by_text("Where these shares come from").click()
    assert answer.powers is not None
    power = f"Fits to the power of {answer.powers.retrieval:.2f}"
    expect(shown.get_by_text(f"A reading weighs by {power}")).to_be_visible()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The passage that says the answer comes first.
    assert answer.citations[0].share > 0
    numbers = {one.passage: number for number, one in enumerate(answer.citations, start=1)}
    best = max(one.score for one in answer.citations)
    fits = {one.passage: one.score / best for one in answer.citations}
    readings = [one for vote in answer.votes for one in vote.candidates]
    total = sum(one.weight for one in readings)
    table = shown.get_by_role("table", name="Where these shares come from")
    expect(table.get_by_role("row")).to_have_count(1 + len(readings))
    weighty = max(readings, key=lambda one: one.weight)
    assert weighty.passage is not None
    assert weighty.answerable is not None
    told = (
        fits[weighty.passage],
        weighty.answerable,
        math.exp(weighty.log_likelihood),
        weighty.weight / total,
    )
    first = [weighty.text, "The LLM alone", str(numbers[weighty.passage]), *(f"{each:.0%}" for each in told)]
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(first)
    table.get_by_role("button", name="Fits").press("Enter")
    worst = min(fits[one.passage] for one in readings if one.passage is not None)
    expect(table.get_by_role("row").nth(1).get_by_role("cell").nth(3)).to_have_text(f"{worst:.0%}")


def test_what_the_members_are_not_sure_of_is_no_answer(page: Page, declining: Client) -> None:
    page.goto(declining.url)
    question = page.get_by_label("Your question")
    question.fill(QUESTION)
    question.press("Enter")
    expect(page.locator("article.answer:not([data-unfinished]) .said")).to_have_text("I don't know")
    expect(page.get_by_role("heading", name="The closest places in the book")).to_be_visible()
    accessible(page)

"""Pictures of every view of the page, light and dark, on a desktop and a phone.

    python -m tests.page.screenshots --out pictures
    python -m tests.page.screenshots --out pictures --model tiny

A service is started that learns the sample book twice, each time for `--seconds`; then each view is taken as
a PNG named after it, the size and the colours. With the tiny LLM, whose weights are random, the answers mean
nothing; what is to be shown to people is taken with the embedded one.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from app.client import Client
from tests import tiny
from tests.page.browsers import SIZES, chromium
from tests.service.conftest import plain_service

KEY = "the-key-of-the-one-who-takes-the-pictures"
SAMPLE = Path(__file__).parents[2] / "app" / "sample"
QUESTION = "Who stole the Wren from the tide engine?"
COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# An answer on a busy machine, and the comparison of two versions.
_WAIT_MS = 300_000

View = Callable[[Page], None]


def at(path: str, shown: str, *clicks: str) -> View:
    """The view of a path once `shown` is there, and these were clicked."""

    def show(page: Page) -> None:
        page.goto("/page/icon.svg")  # else only what is behind the # would change, and little begin anew
        page.goto(f"/{path}")
        page.locator(shown).first.wait_for()
        for each in clicks:
            page.locator(each).first.click()

    return show


def answered(page: Page) -> None:
    """The answer to a question, with its votes and citations."""
    at("#/", "textarea")(page)
    page.locator("textarea").fill(QUESTION)
    page.locator("textarea").press("Enter")
    page.locator("article.answer:not([data-unfinished])").wait_for()


def shares(page: Page) -> None:
    """What the shares of its votes are made of."""
    answered(page)
    page.locator("details.shares summary").click()


def read(page: Page) -> None:
    """The place of the first citation of the answer before."""
    answered(page)
    page.locator(".citations a").first.click()
    page.locator(".reader p").first.wait_for()


def compared(book: str) -> View:
    """Two versions side by side on a question of one's own."""

    def show(page: Page) -> None:
        at(f"#/books/{book}", ".timeline", "summary:has-text('Compare')")(page)
        page.locator("details[open] textarea").fill(QUESTION)
        page.get_by_role("button", name="Compare", exact=True).click()
        page.locator("details[open] table").wait_for()

    return show


def key_made(page: Page) -> None:
    """A key, this once."""
    at("#/admin/keys", "form.card")(page)
    page.get_by_label("Name").fill("Anna's laptop")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("textbox", name="API key").wait_for()


def main() -> None:
    """Start a service, fill it, and take all pictures."""
    parser = argparse.ArgumentParser(description="Pictures of every view of the page.")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the pictures")
    parser.add_argument("--model", default="embedded", choices=["embedded", "tiny"])
    parser.add_argument("--seconds", type=int, default=60, help="how long the book is learned, each time")
    parser.add_argument("--only", nargs="+", metavar="VIEW", help="views to take, such as answer; else all")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        model = ["--model", str(tiny.save(folder / "tiny"))] if given.model == "tiny" else []
        with plain_service(folder, *model, admin_key=KEY) as (client, _):
            take(browser, client, given, {"welcome": at("#/", "button.main")})
            book = filled(client, given.seconds)
            views = {
                "ask": at("#/", "textarea"),
                "answer": answered,
                "shares": shares,
                "reader": read,
                "library": at("#/library", ".book-row"),
                "book": at(f"#/books/{book}", ".timeline"),
                "edit": at(f"#/books/{book}", ".timeline", "button:has-text('Edit')"),
                "import": at(f"#/books/{book}", ".timeline", "summary:has-text('Bring')"),
                "questions": at(f"#/books/{book}/questions", ".questions li, form.card"),
                "compare": compared(book),
                "jobs": at("#/admin", "table"),
                "versions": at("#/admin/versions", "table"),
                "keys": at("#/admin/keys", "form.card"),
                "audit": at("#/admin/audit", "table"),
                "shortcuts": at("#/library", ".book-row", "header button"),
                "key-made": key_made,
            }
            take(browser, client, given, views)
            if given.only is None or {"learning", "jobs-now"} & set(given.only):
                learned = client.train(book, recipe=recipe(3600)).id
                for event in client.follow(learned):
                    if event.type == "metrics" and event.data["step"] >= 3:
                        break
                learning = {
                    "learning": at("#/library", ".learning svg"),
                    "jobs-now": at("#/admin", ".learning svg"),
                }
                take(browser, client, given, learning)
                client.cancel(learned)
    print(f"The pictures are in {given.out}.")


def recipe(seconds: int) -> dict[str, float]:
    """Learn for so long."""
    return {"budget_seconds": seconds, "epochs": 1000}


def filled(client: Client, seconds: int) -> str:
    """Fill a library with the book, learned twice, and one more; the id of the first."""
    about = json.loads((SAMPLE / "questions.json").read_text(encoding="utf-8"))
    added = client.add(
        SAMPLE / about["book"],
        title=about["title"],
        author=about["author"],
        tags=["sea", "fable"],
        recipe=recipe(seconds),
    )
    assert added.job is not None
    book = added.book.id
    for job in (added.job.id, client.train(book, recipe=recipe(seconds)).id):
        print(f"The book is learned for {seconds} s.", flush=True)
        for _ in client.follow(job):
            pass
    client.registry.promote(book, 1, alias="reviewed", why="read by two of us")
    client.questions.add(book, "What must the engine be oiled with?", "walnut oil")
    other = client.add(tiny.STORY, title="The Lamp of Ost", author="M. Ost", tags=["sea"])
    assert other.job is not None
    client.cancel(other.job.id)
    return book


def take(browser: Browser, client: Client, given: argparse.Namespace, views: dict[str, View]) -> None:
    """Take each view that is wanted in all sizes and colours."""
    views = {name: show for name, show in views.items() if given.only is None or name in given.only}
    for size in SIZES:
        for colours in COLOURS:
            with opened(browser, client, size, colours) as page:
                for name, show in views.items():
                    show(page)
                    if name != "reader":  # which is where the sentence is
                        page.evaluate("scrollTo(0, 0)")
                    page.screenshot(path=given.out / f"{name}-{size}-{colours}.png", full_page=True)
                    print(f"{name}, {size}, {colours}", flush=True)


@contextmanager
def opened(browser: Browser, client: Client, size: str, colours: Literal["light", "dark"]) -> Iterator[Page]:
    """The page, with the key."""
    context = browser.new_context(
        base_url=client.url, viewport=SIZES[size], color_scheme=colours, reduced_motion="reduce"
    )
    context.add_init_script(f"sessionStorage.setItem('bookchorus.key', {json.dumps(KEY)})")
    page = context.new_page()
    page.set_default_timeout(_WAIT_MS)
    page.on("pageerror", lambda error: print(f"a fault of the page: {error}", flush=True))
    yield page
    context.close()


if __name__ == "__main__":
    main()

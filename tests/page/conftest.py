"""A real browser before the page of a real service."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.client import Client
from tests.page.browsers import SIZES, chromium
from tests.service.conftest import service
from tests.service.test_books import upload
from tests.service.test_declining import declining as declining

# A browser beside other tests on few cores takes its time.
_WAIT = 120_000
expect.set_options(timeout=_WAIT)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as browser:
            yield browser
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def library(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose library is empty at first."""
    with service(tmp_path_factory.mktemp("page"), "--model", str(tiny_folder)) as client:
        yield client


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page that fails its test where it asks another host for something, or a program of it breaks."""
    context = browser.new_context(
        viewport=SIZES[request.param],
        color_scheme="dark" if request.param == "phone" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(_WAIT)
    wrong: list[str] = []
    page.on("request", lambda sent: None if _own(sent.url) else wrong.append(f"asked for {sent.url}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert wrong == []


@pytest.fixture
def http(library: Client) -> Iterator[httpx.Client]:
    """Plain HTTP to that service."""
    with httpx.Client(base_url=library.url, timeout=60, trust_env=False) as http:
        yield http


def opened(page: Page, library: Client, http: httpx.Client, text: str, wait: float = 60, **named: str) -> str:
    """The id of a book that was uploaded, whose page is open."""
    book: str = upload(http, text, wait=wait, **named).json()["book"]["id"]
    page.goto(f"{library.url}/#/books/{book}")
    return book


def accessible(page: Page) -> None:
    """Fail where axe-core finds a violation in what is shown."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def _own(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", None)

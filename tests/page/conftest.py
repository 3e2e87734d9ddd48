"""A real browser before the page of a real service."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.client import Client
from tests.service.conftest import service
from tests.service.test_declining import declining as declining

# So that the browser starts without a screen, and looks for nothing outside this machine.
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A browser beside other tests on few cores takes its time.
_WAIT = 120_000
expect.set_options(timeout=_WAIT)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def library(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose library is empty at first."""
    with service(tmp_path_factory.mktemp("page"), "--model", str(tiny_folder)) as client:
        yield client


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page that fails its test where it asks another host for something, or a program of it breaks."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height},
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


def accessible(page: Page) -> None:
    """Fail where axe-core finds a violation in what is shown."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def _own(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", None)

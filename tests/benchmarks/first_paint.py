"""The first visit to the page: when it is painted, when a question can be typed, how many bytes it takes.

python -m tests.benchmarks.first_paint
"""

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests import tiny
from tests.page.browsers import SIZES, chromium
from tests.service.conftest import plain_service

_USABLE = """addEventListener("focusin", (event) => {
  if (event.target.tagName === "TEXTAREA") window.usable ??= performance.now();
});"""
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Visit:
    """A first visit: milliseconds after the navigation began, and bytes with their headers."""

    painted_ms: float
    usable_ms: float
    bytes: int
    requests: int


def main() -> None:
    """Visit the page of a service with one book, each time in a browser that has nothing of it."""
    parser = argparse.ArgumentParser(description="Measure the first paint of the page.")
    parser.add_argument("--visits", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        model = str(tiny.save(folder / "tiny"))
        with plain_service(folder, "--model", model, trains="false") as (client, _):
            client.add(tiny.STORY, title="The Lamp of Ost")
            for size in SIZES:
                visit(browser, client.url, size)  # so that the service has read its files
                visits = [visit(browser, client.url, size) for _ in range(given.visits)]
                painted = sorted(each.painted_ms for each in visits)
                usable = sorted(each.usable_ms for each in visits)
                print(
                    f"{size}: painted after {statistics.median(painted):.0f} ms ({painted[0]:.0f} to "
                    f"{painted[-1]:.0f}), to be typed in after {statistics.median(usable):.0f} ms "
                    f"({usable[0]:.0f} to {usable[-1]:.0f}), {visits[0].bytes:,} bytes in "
                    f"{visits[0].requests} requests"
                )
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


def visit(browser: Browser, url: str, size: str) -> Visit:
    """A visit without anything in the cache."""
    context = browser.new_context(viewport=SIZES[size])
    context.add_init_script(_USABLE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    lengths: list[int] = []
    session.on("Network.loadingFinished", lambda event: lengths.append(int(event["encodedDataLength"])))
    page.goto(url)
    page.locator("textarea:focus").wait_for()
    usable = page.evaluate("window.usable")
    page.wait_for_load_state("networkidle")
    page.wait_for_function(_PAINTED)
    painted = page.evaluate(_PAINTED)
    context.close()
    return Visit(painted, usable, sum(lengths), len(lengths))


if __name__ == "__main__":
    main()

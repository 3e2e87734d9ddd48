"""Admin: jobs, versions, keys, and the log of who did what."""

import json
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from app.client import Client
from tests.page.conftest import accessible, opened
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY


def test_all_versions_are_filtered_and_sorted(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps(QUICK)
    opened(page, library, http, f"{STORY} For the admin. {page.viewport_size}", title="Zebra", recipe=recipe)
    expect(page.locator(".timeline li:not(.move)")).to_have_count(1)
    page.get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_label("Filter").fill("zebra")
    expect(page.locator("tbody tr").first).to_contain_text("Zebra")
    header = page.get_by_role("columnheader", name="Book")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(header.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    accessible(page)


def test_a_job_is_watched_and_stopped(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps({**QUICK, "epochs": 1000})
    title = f"Endless {page.viewport_size}"
    opened(page, library, http, f"{STORY} {title}", wait=0, title=title, recipe=recipe)
    page.get_by_role("link", name="Admin").click()
    expect(page.locator(".learning svg.curves")).to_be_visible()
    accessible(page)
    row = page.get_by_role("row").filter(has_text=title)
    row.get_by_role("button", name=f"Stop learning {title}").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop learning").click()
    expect(row).to_contain_text("stopped")
    expect(page.locator(".learning")).to_have_count(0)
    page.get_by_label("Status").select_option("succeeded")
    expect(page.get_by_role("cell", name=title)).to_have_count(0)


def test_the_first_key_closes_the_service_and_the_page_goes_on(
    page: Page, tiny_folder: Path, tmp_path: Path
) -> None:
    with service(tmp_path, "--model", str(tiny_folder), trains="false") as client:
        page.goto(f"{client.url}/#/admin/keys")
        form = page.locator("form.card")
        # A reader's would lock out whoever makes it.
        expect(form.get_by_label("Role").locator("option")).to_have_count(1)
        form.get_by_label("Name").fill("The librarian")
        accessible(page)
        form.get_by_role("button", name="Make the key").click()
        key = page.get_by_role("textbox", name="API key").input_value()
        accessible(page)
        page.get_by_role("button", name="I have kept it").click()
        row = page.get_by_role("row").filter(has_text="The librarian")
        expect(row).to_contain_text("in force")

        form.get_by_label("Name").fill("Anna")
        form.get_by_label("Role").select_option("reader")
        form.get_by_label("Days").fill("7")
        form.get_by_text("Limits").click()
        form.get_by_label("Requests a minute").fill("90")
        form.get_by_role("button", name="Make the key").click()
        page.get_by_role("button", name="I have kept it").click()
        row = page.get_by_role("row").filter(has_text="Anna")
        expect(row).to_contain_text("90 a minute")
        expect(row).to_contain_text("until ")
        row.get_by_role("button", name="Revoke: Anna").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(row).to_contain_text("revoked")
        accessible(page)

        page.get_by_role("link", name="Log").click()
        first = page.get_by_role("row").filter(has_text="The librarian").first
        expect(first).to_contain_text("/admin/")
        page.get_by_label("Only of this name").fill("nobody of this name")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(0)
        accessible(page)

        # Another tab has no key: it is asked for one until it is right.
        page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        page.goto(f"{client.url}/#/admin")
        for given in ("wrong", key):
            page.get_by_label("API key").fill(given)
            accessible(page)
            page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("There is no such job.")).to_be_visible()

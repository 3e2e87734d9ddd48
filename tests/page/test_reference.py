"""The page that describes the API shows it, and makes a call, on a machine without a network."""

from playwright.sync_api import Page, expect

from app.client import Client


def test_the_description_of_the_api_asks_no_other_host_and_makes_calls(page: Page, library: Client) -> None:
    page.goto(f"{library.url}/docs")
    expect(page).to_have_title("Bookchorus - Swagger UI")
    call = page.locator("#operations-books-list_books_books_get")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    status = call.locator(".live-responses-table tr.response td.response-col_status").first
    expect(status).to_contain_text("200")

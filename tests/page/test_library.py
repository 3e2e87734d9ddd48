"""The library: books are added, watched, stopped, promoted, found; bad files are told in words."""

import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from app.client import Client
from tests.page.conftest import accessible, opened
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


def test_a_file_is_added_and_watched_until_it_is_learned(page: Page, library: Client, tmp_path: Path) -> None:
    file = tmp_path / f"{page.viewport_size}.txt"
    file.write_text(f"{STORY} A chorus of {page.viewport_size}.")
    page.goto(f"{library.url}/#/library")
    page.get_by_label("Choose files").set_input_files(file)
    row = page.locator(".book-row").first
    expect(row.locator(".state")).to_have_text("learned")
    accessible(page)
    row.locator("a.title").click()
    expect(page.locator(".timeline li.champion")).to_contain_text("Version 1")
    page.get_by_text("How it learned").click()
    expect(page.locator(".timeline svg.curves")).to_be_visible()
    accessible(page)


def test_a_file_that_is_no_book_is_told_in_words(page: Page, library: Client, tmp_path: Path) -> None:
    file = tmp_path / "broken.epub"
    file.write_bytes(b"PK\x03\x04 and nothing else")
    page.goto(f"{library.url}/#/library")
    page.get_by_label("Choose files").set_input_files(file)
    expect(page.get_by_role("alert").filter(has_text="broken.epub: ")).to_be_visible()


def test_a_version_is_promoted_and_rolled_back(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps(QUICK)
    book = opened(page, library, http, f"{STORY} {page.viewport_size}", recipe=recipe)
    expect(page.locator(".timeline li:not(.move)")).to_have_count(1)
    page.get_by_role("button", name="Learn again").click()
    expect(page.locator(".timeline li:not(.move)")).to_have_count(2)
    champion = page.locator(".timeline li.champion h3")
    before = champion.inner_text()

    page.get_by_role("button", name="Let it answer").click()
    page.get_by_label("Why").fill("to try it")
    page.get_by_label("Even though").check()
    accessible(page)
    page.get_by_role("button", name="Do it").click()
    expect(champion).not_to_have_text(before)
    move = page.locator(".timeline li.move").first
    expect(move).to_contain_text("is the champion, no longer")
    expect(move).to_contain_text("by local")
    expect(move).to_contain_text("to try it")

    page.get_by_role("button", name="Back to the version before").click()
    page.get_by_role("button", name="Do it").click()
    expect(champion).to_have_text(before)
    shown = http.get(f"/admin/books/{book}/aliases").json()
    assert shown["history"][0]["rollback"]

    # Somebody else lets the other one answer while the question whether to is still open.
    page.get_by_role("button", name="Let it answer").click()
    other = 3 - shown["aliases"]["champion"]
    http.put(
        f"/admin/books/{book}/aliases/champion", json={"version": other, "force": True}
    ).raise_for_status()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text(f"Version {other} was the champion already")).to_be_visible()
    expect(champion).not_to_have_text(before)


def test_a_champion_whose_members_do_not_answer_says_so(
    page: Page, library: Client, http: httpx.Client, tmp_path: Path
) -> None:
    book = opened(page, library, http, f"{STORY} Silent. {page.viewport_size}", recipe=json.dumps(QUICK))
    tag = page.locator(".timeline li.champion h3 .tag")
    expect(tag).to_have_text("answers questions")
    library.transfer.export(book, "1", tmp_path)
    [described] = tmp_path.rglob("version.json")
    count, silent = 1, "champion, members do not answer"
    # Only the whole interval below zero says that members do harm.
    for high, told in ((None, "answers questions"), (0.02, "answers questions"), (-0.033, silent)):
        version = json.loads(described.read_text())
        adds = {"difference": -0.341, "low": None if high is None else -0.667, "high": high, "questions": 5}
        version["version"]["metrics"]["adds"] = adds
        described.write_text(json.dumps(version))
        library.transfer.import_(book, tmp_path, promote=True)
        page.reload()
        expect(page.locator(".timeline li:not(.move)")).to_have_count(count := count + 1)
        expect(tag).to_have_text(told)
        expect(page.locator(".timeline li.champion")).to_contain_text("adds -.341")
    accessible(page)


def test_learning_is_stopped(page: Page, library: Client, http: httpx.Client) -> None:
    recipe = json.dumps({**QUICK, "epochs": 1000})
    opened(page, library, http, f"{STORY} Without end. {page.viewport_size}", wait=0, recipe=recipe)
    learning = page.locator(".learning")
    expect(learning).to_contain_text("are for writing questions and learning; ")
    expect(learning.get_by_role("status")).to_contain_text("Learns: step")
    expect(learning.locator("svg.curves")).to_be_visible()
    learning.get_by_role("button", name="Stop learning").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop learning").click()
    expect(learning.get_by_role("status")).to_have_text(re.compile("cancelled", re.IGNORECASE))


def test_a_learned_book_that_is_learned_again_is_watched(
    page: Page, library: Client, http: httpx.Client
) -> None:
    text = f"{STORY} Again. {page.viewport_size}"
    book = upload(http, text, recipe=json.dumps(QUICK)).json()["book"]["id"]
    job = library.train(book, recipe={**QUICK, "epochs": 1000}).id
    for where in (f"books/{book}", "library"):
        page.goto(f"{library.url}/#/{where}")
        expect(page.locator(".learning svg.curves")).to_be_visible()
    library.cancel(job)


def test_many_books_that_wait_leave_the_browser_its_connections(
    page: Page, library: Client, http: httpx.Client
) -> None:
    recipe = json.dumps({**QUICK, "epochs": 1000})
    texts = [f"{STORY} Number {number}. {page.viewport_size}" for number in range(8)]
    books = [upload(http, text, wait=0, recipe=recipe).json()["book"]["id"] for text in texts]
    page.goto(f"{library.url}/#/library")
    expect(page.locator(".learning svg.curves").first).to_be_visible()
    search = page.get_by_label("Search titles")
    for word in ("nothing", ""):
        search.press_sequentially(word)
        search.fill("")
    expect(page.locator(".learning")).to_have_count(2)
    # Were every book followed, and anew at each letter, this request would wait for ever.
    page.get_by_role("link", name="Admin").click()
    expect(page.get_by_role("table", name="Jobs")).to_be_visible()
    for book in books:
        http.delete(f"/books/{book}").raise_for_status()


def test_a_folder_is_added_but_for_what_is_no_book(page: Page, library: Client, tmp_path: Path) -> None:
    said = f"{page.viewport_size}"
    folder = tmp_path / "shelf"
    for name in ("deep/one.txt", "two.md", "cover.jpg", ".hidden/three.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{STORY} In {name}, {said}.")
    page.goto(f"{library.url}/#/library")
    page.get_by_label("Choose a folder").set_input_files(folder)
    expect(page.locator(".drop li")).to_have_count(2)
    expect(page.locator(".drop li.busy")).to_have_count(0)
    names = [book.filename for book in library.books()[:2]]
    assert sorted(str(name) for name in names) == ["one.txt", "two.md"]
    for book in library.books()[:2]:
        library.remove(book.id)


def test_a_folder_that_is_dropped_is_read_to_its_end(page: Page, library: Client, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    for name in ("deep/er/one.txt", "two.md", "cover.jpg", ".hidden/three.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{STORY} Dropped in {name}, {page.viewport_size}.")
    page.goto(f"{library.url}/#/library")
    place = page.locator(".drop").bounding_box()
    assert place is not None
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"type": kind, "x": place["x"] + 20, "y": place["y"] + 20, "data": data}
        browser.send("Input.dispatchDragEvent", at)
    expect(page.locator(".drop li")).to_have_count(2)
    expect(page.locator(".drop li.busy")).to_have_count(0)
    for book in library.books()[:2]:
        assert book.filename in ("one.txt", "two.md")
        library.remove(book.id)


def test_a_book_is_edited_and_found_by_its_tag(page: Page, library: Client, http: httpx.Client) -> None:
    said = "phone" if page.viewport_size == {"width": 390, "height": 844} else "desktop"
    opened(page, library, http, f"{STORY} To be edited. {said}", wait=0, title="Wrong", author="A. Wrong")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill(f"Right on a {said}")
    page.get_by_label("Author").fill("M. Ost")
    page.get_by_label("Tags").fill(f"Night {said}, sea")
    accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Right on a {said}")
    page.get_by_role("link", name=f"Books with the tag night {said}").click()
    expect(page.locator(".book-row")).to_have_count(1)
    expect(page.locator(".book-row")).to_contain_text("by M. Ost")
    expect(page.get_by_label("Not only")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name=f"Not only night {said}").click()
    expect(page.get_by_label("Not only")).to_have_count(0)
    page.get_by_role("link", name="M. Ost").first.click()
    expect(page.locator(".book-row").first).to_contain_text("by M. Ost")

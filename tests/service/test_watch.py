"""`bookchorus watch` and `add --watch`: a folder and a real service in step."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from app.adding.calibre import About
from app.adding.sending import Sender, sha256_of
from app.adding.watch import Watch
from app.adding.watched_folder import FILE
from app.client import Client
from tests import files
from tests.app.cli.runner import bookchorus
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.warm.commands import python

# A program that is lost has to end a test, not to hold it.
PATIENCE_S = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a book whose bytes no other test has."""
    found = tmp_path / "shelf"
    found.mkdir()
    write(found / "one.txt")
    return found


def write(file: Path, words: str = "") -> None:
    file.write_text(f"Mira kept a lamp in the tower of Ost. {file.resolve()} {words}")


def watching(client: Client, *folders: Path, delete: bool = False) -> Watch:
    return Watch(Sender(client, About(), QUICK), folders, delete=delete)


def step(watch: Watch) -> dict[str, int]:
    """What one step did, counted."""
    before = watch.counts.copy()
    for _ in watch.step():
        pass
    return dict(watch.counts - before)


def texts(client: Client, *files: Path) -> list[tuple[str, int] | None]:
    """The id and revision of the book of each file's bytes."""
    found = [client.books(sha256=sha256_of(file)) for file in files]
    return [(each[0].id, each[0].revision) if each else None for each in found]


def test_a_file_is_added_when_it_has_stopped_growing(client: Client, folder: Path) -> None:
    watch = watching(client, folder)
    assert step(watch) == {}
    write(folder / "one.txt", "It grows.")
    (folder / "empty.txt").touch()
    assert step(watch) == {}
    assert texts(client, folder / "one.txt") == [None]
    assert step(watch) == {"added": 1}
    assert step(watch) == {}
    assert watch.in_step == 1
    [(_, revision)] = [each for each in texts(client, folder / "one.txt") if each]
    assert revision == 1


def test_a_changed_file_is_the_next_revision_of_its_book(client: Client, folder: Path) -> None:
    one, two = folder / "one.txt", folder / "deep" / "two.txt"
    two.parent.mkdir()
    write(two)
    watch = watching(client, folder)
    assert [step(watch), step(watch)] == [{}, {"added": 2}]
    first, second = texts(client, one, two)
    write(one, "It changed.")
    os.utime(two)
    assert [step(watch), step(watch)] == [{}, {"revised": 1}]
    assert first is not None
    assert texts(client, one, two) == [(first[0], 2), second]
    # The next watch knows the file's book, and what changed while nobody watched.
    write(one, "It changed again.")
    later = watching(client, folder)
    assert later.in_step == 2
    assert [step(later), step(later), step(later)] == [{}, {"revised": 1}, {}]
    assert texts(client, one) == [(first[0], 3)]


def test_without_its_file_a_watch_knows_books_by_their_content(client: Client, folder: Path) -> None:
    watch = watching(client, folder)
    step(watch), step(watch)
    before = texts(client, folder / "one.txt")
    (folder / FILE).write_text("{damaged")
    later = watching(client, folder)
    assert later.in_step == 0
    assert [step(later), step(later)] == [{}, {"known": 1}]
    write(folder / "one.txt", "It changed.")
    assert [step(later), step(later)] == [{}, {"revised": 1}]
    assert before[0] is not None
    assert texts(client, folder / "one.txt") == [(before[0][0], 2)]


def test_a_file_that_is_gone_is_told_and_its_book_stays(client: Client, folder: Path) -> None:
    write(folder / "two.txt")
    watch = watching(client, folder)
    step(watch), step(watch)
    digest = sha256_of(folder / "one.txt")
    (folder / "one.txt").unlink()
    assert [step(watch), step(watch), step(watch)] == [{}, {"gone": 1}, {}]
    assert len(client.books(sha256=digest)) == 1


def test_with_delete_a_book_goes_with_its_file_and_not_with_a_disk(client: Client, folder: Path) -> None:
    one, two = folder / "one.txt", folder / "two.txt"
    write(two)
    digest = sha256_of(one)
    watch = watching(client, folder, delete=True)
    step(watch), step(watch)
    one.unlink()
    assert [step(watch), step(watch)] == [{}, {"removed": 1}]
    assert client.books(sha256=digest) == []
    kept = texts(client, two)
    # A folder that is not there, or is empty, is a disk that is not there.
    folder.rename(folder.with_name("away"))
    assert [step(watch), step(watch)] == [{}, {}]
    folder.mkdir()
    assert [step(watch), step(watch)] == [{}, {"gone": 1}]
    (folder.with_name("away") / "two.txt").rename(two)
    assert [step(watch), step(watch)] == [{}, {"known": 1}]
    assert texts(client, two) == kept


def test_a_file_that_was_moved_keeps_its_book(client: Client, folder: Path) -> None:
    one = folder / "one.txt"
    other = folder.with_name("other")
    other.mkdir()
    watch = watching(client, folder, other, delete=True)
    step(watch), step(watch)
    before = texts(client, one)
    one.rename(other / "two.txt")
    write(folder / "new.txt")
    assert [step(watch), step(watch)] == [{}, {"known": 1, "added": 1, "gone": 1}]
    assert texts(client, other / "two.txt") == before


def test_a_better_format_of_a_book_of_calibre_revises_it(client: Client, folder: Path) -> None:
    (folder / "metadata.opf").write_text("<package><metadata><title>The Lamp</title></metadata></package>")
    watch = watching(client, folder, delete=True)
    step(watch), step(watch)
    before = texts(client, folder / "one.txt")
    page = files.xhtml(f"<h1>One</h1><p>Mira kept a lamp {folder}.</p>")
    (folder / "one.epub").write_bytes(files.epub({"one.xhtml": page}))
    assert [step(watch), step(watch), step(watch)] == [{}, {"revised": 1}, {}]
    assert before[0] is not None
    assert texts(client, folder / "one.epub") == [(before[0][0], 2)]
    assert client.book(before[0][0]).title == "The Lamp"


def test_what_the_service_refuses_is_told_once_until_it_changes(client: Client, folder: Path) -> None:
    (folder / "broken.epub").write_bytes(b"PK\x03\x04 no archive")
    watch = watching(client, folder)
    assert [step(watch), step(watch), step(watch)] == [{}, {"added": 1, "failed": 1}, {}]
    (folder / "broken.epub").write_bytes(b"PK\x03\x04 no archive either")
    assert [step(watch), step(watch)] == [{}, {"failed": 1}]


def test_a_watch_survives_the_services_restart(tiny_folder: Path, tmp_path: Path, folder: Path) -> None:
    model = ("--model", str(tiny_folder))
    with service(tmp_path, *model) as client:
        url = client.url
        with Client(url) as own:
            watch = watching(own, folder)
            step(watch), step(watch)
            assert watch.in_step == 1
    write(folder / "two.txt")
    port = int(url.rpartition(":")[2])
    with Client(url) as own:
        watch = watching(own, folder)
        # The books cannot be asked for yet, and are told to be missing once.
        assert [step(watch), watch.troubles(), step(watch), watch.troubles()] == [
            {},
            [f"No service answers at {url}. If none is starting: bookchorus serve"],
            {},
            [],
        ]
        with service(tmp_path, *model, port=str(port)):
            assert [step(watch), step(watch)] == [{}, {"added": 1}]
            assert all(texts(own, folder / "one.txt", folder / "two.txt"))
            [book] = own.books(sha256=sha256_of(folder / "one.txt"))
            own.remove(book.id)
            # What was removed from the library comes back with the next watch.
            later = watching(own, folder)
            assert [step(later), step(later)] == [{}, {"added": 1}]


@contextmanager
def command(client: Client, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of `bookchorus` as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    line = python("-m", "app.cli", *words, "--url", client.url, imported="service")
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=clean)
    patience = Timer(PATIENCE_S, process.kill)
    patience.start()
    try:
        yield process
    finally:
        patience.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("words", [("watch",), ("add", "--watch")], ids=" ".join)
def test_the_command_watches_until_ctrl_c(client: Client, folder: Path, words: tuple[str, ...]) -> None:
    recipe = ("--recipe", json.dumps(QUICK))
    with command(client, *words, "--interval", "0.1", *recipe, str(folder)) as process:
        assert process.stdout is not None

        def wait_for(words: str) -> str:
            return next(line for line in process.stdout or () if words in line)

        assert "every 0.1 s" in wait_for("Watches")
        assert wait_for("one.txt").startswith("one.txt (one): ")
        wait_for("one.txt (one): ready")
        write(folder / "two.txt")
        wait_for("two.txt (two): ready")
        write(folder / "two.txt", "It changed.")
        assert "a new edition" in wait_for("two.txt")
        (folder / "one.txt").unlink()
        wait_for("one.txt: gone; its book stays")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
        assert rest.splitlines()[-1] == "1 file in step · 2 added · 1 revised · 1 gone"
        assert process.returncode == 0


def test_with_json_the_command_prints_each_change_as_a_document(client: Client, folder: Path) -> None:
    recipe = ("--recipe", json.dumps(QUICK))
    with command(client, "watch", "--json", "--interval", "0.1", *recipe, str(folder)) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
    assert (told["object"], told["file"]) == ("added", str(folder / "one.txt"))
    [book] = client.books(sha256=sha256_of(folder / "one.txt"))
    assert told["book"] == book.id
    assert [json.loads(line)["file"] for line in rest.splitlines()] == [told["file"]] * rest.count("\n")


def test_only_folders_are_watched_and_only_a_watch_deletes(client: Client, folder: Path) -> None:
    one = str(folder / "one.txt")
    for words in (("add", one, "--watch"), ("watch", one), ("add", str(folder), "--delete")):
        assert bookchorus(*words, BOOKCHORUS_URL=client.url).exit_code == 2
    refused = bookchorus("add", str(folder), "--watch", "--title", "One", BOOKCHORUS_URL=client.url)
    assert (refused.exit_code, "--title" in refused.stderr) == (2, True)

"""How commands name books and versions: by id, by title, and BOOK@VERSION."""

from pathlib import Path

import pytest

from tests.app.cli.runner import bookchorus, files_for
from tests.app.client.examples import book, job
from tests.app.client.peer import Peer

TIGER, JACKAL, OTHER_JACKAL, AT, MAIL = (book(number).id for number in range(1, 6))
# Each command with a book, BOOK, and the call that it then makes.
COMMANDS = {
    "train": (["train", "BOOK", "--no-wait"], ("POST", "/books/ID/versions")),
    "versions": (["versions", "--book", "BOOK"], ("GET", "/admin/prompts")),
    "prompts": (["prompts", "--book", "BOOK"], ("GET", "/admin/prompts")),
    "show": (["show", "BOOK"], ("GET", "/admin/books/ID/versions/champion")),
    "promote": (["promote", "BOOK", "2", "--force"], ("PUT", "/admin/books/ID/aliases/champion")),
    "rollback": (["rollback", "BOOK"], ("POST", "/admin/books/ID/aliases/champion/rollback")),
    "history": (["history", "BOOK"], ("GET", "/admin/books/ID/aliases")),
    "compare": (["compare", "BOOK", "1", "2"], ("POST", "/admin/books/ID/compare")),
    "prune": (["prune", "BOOK", "--keep", "2"], ("POST", "/admin/books/ID/prune")),
    "jobs": (["jobs", "--book", "BOOK"], ("GET", "/jobs")),
    "follow": (["follow", "BOOK"], ("GET", "/jobs/job_1/events")),
    "cancel": (["cancel", "BOOK"], ("POST", "/jobs/job_1/cancel")),
    "add": (["add", "FILE", "--no-wait", "--revises", "BOOK"], ("POST", "/books/ID/revisions")),
    "import": (["import", "BOOK", "DIR"], ("POST", "/admin/books/ID/versions/import")),
    "export": (["export", "BOOK", "OUT"], ("GET", "/admin/books/ID/versions/champion/export")),
    "inspect": (["inspect", "BOOK"], ("GET", "/admin/books/ID/versions/champion/inspect")),
    "ask": (["ask", "Who?", "--book", "BOOK"], ("POST", "/ask")),
}
WITH_VERSION = ("export", "inspect", "ask", "show")


@pytest.fixture
def library(peer: Peer) -> Peer:
    titles = ["The Tiger", "The Jackal", "The jackal", "Tiger@Home", "Mail"]
    peer.shelf = [book(number, title=title) for number, title in enumerate(titles, start=1)]
    # Every book is being learned.
    peer.jobs = [job("running").model_copy(update={"book": each.id}) for each in peer.shelf]
    return peer


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    return files_for(tmp_path)


def words(command: str, name: str, paths: dict[str, str]) -> list[str]:
    return [paths.get(word, name if word == "BOOK" else word) for word in COMMANDS[command][0]]


@pytest.mark.parametrize("name", [TIGER, TIGER.upper(), "The Tiger", "the TIGER"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_an_id_or_a_title(
    library: Peer, paths: dict[str, str], command: str, name: str
) -> None:
    result = bookchorus(*words(command, name, paths), peer=library)
    assert result.exit_code == 0, result.output
    method, path = COMMANDS[command][1]
    assert (method, path.replace("ID", TIGER)) in library.calls
    # A book that is named by its id is not looked for.
    assert (("GET", "/books") in library.calls) == ("tiger" in name.lower())
    if command == "ask":
        assert library.asked[0].books == [TIGER]
    if command in ("versions", "prompts"):
        assert library.listed[0] == {"book": TIGER}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_title_that_no_book_or_more_than_one_has_is_one_line(
    library: Peer, paths: dict[str, str], command: str
) -> None:
    unknown = bookchorus(*words(command, "The Lion", paths), peer=library)
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr == "There is no book 'The Lion'. The books are listed by: bookchorus books\n"
    several = bookchorus(*words(command, "THE JACKAL", paths), peer=library)
    assert (several.exit_code, several.stdout) == (1, "")
    assert several.stderr == (
        f"2 books are called 'THE JACKAL': say {JACKAL} (The Jackal) or {OTHER_JACKAL} (The jackal).\n"
    )
    assert set(library.calls) == {("GET", "/books")}


@pytest.mark.parametrize(
    ("name", "found", "version"),
    [
        ("The Tiger@2", TIGER, "2"),
        ("the tiger@best", TIGER, "best"),
        (f"{TIGER}@latest", TIGER, "latest"),
        # A title with an "@" in it is a title first, and may have a version all the same.
        ("tiger@home", AT, None),
        ("Tiger@Home@2", AT, "2"),
        ("Mail@home", MAIL, "home"),
        # A whole title counts before a beginning, and so does a beginning before one with a version.
        ("the ti@2", TIGER, "2"),
        ("ma@home", MAIL, "home"),
        ("tiger@ho", AT, None),
        ("tiger@2", AT, "2"),
    ],
)
@pytest.mark.parametrize("command", WITH_VERSION)
def test_a_version_is_named_behind_its_book(
    library: Peer, paths: dict[str, str], command: str, name: str, found: str, version: str | None
) -> None:
    result = bookchorus(*words(command, name, paths), peer=library)
    assert result.exit_code == 0, result.output
    if command == "ask":
        assert library.asked[0].books == [found if version is None else f"{found}@{version}"]
    else:
        path = f"/admin/books/{found}/versions/{version or 'champion'}"
        assert library.calls[-1] == ("GET", path if command == "show" else f"{path}/{command}")


@pytest.mark.parametrize("name", ["the t", "TIGER@", "m", "BOOK_A"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_beginning_of_one_book(
    library: Peer, paths: dict[str, str], command: str, name: str
) -> None:
    library.shelf[4] = library.shelf[4].model_copy(update={"id": "book_abcdef0000000000"})
    library.jobs[4] = library.jobs[4].model_copy(update={"book": "book_abcdef0000000000"})
    found = {"the t": TIGER, "TIGER@": AT}.get(name, "book_abcdef0000000000")
    result = bookchorus(*words(command, name, paths), peer=library)
    assert result.exit_code == 0, result.output
    method, path = COMMANDS[command][1]
    assert (method, path.replace("ID", found)) in library.calls
    if command == "ask":
        assert library.asked[0].books == [found]
    if command == "versions":
        assert library.listed[0] == {"book": found}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_beginning_of_more_than_one_book_is_one_line_with_their_ids(
    library: Peer, paths: dict[str, str], command: str
) -> None:
    library.shelf += [book(number, title=f"Them\n[red]{number}") for number in range(6, 10)]
    several = bookchorus(*words(command, "the", paths), peer=library)
    assert (several.exit_code, several.stdout, len(several.stderr.splitlines())) == (1, "", 1)
    assert several.stderr.startswith(
        f"7 books begin with 'the': say {TIGER} (The Tiger), {JACKAL} (The Jackal)"
    )
    assert several.stderr.endswith(f"{book(7).id} (Them [red]7) or one of 2 more.\n")
    empty = bookchorus(*words(command, "", paths), peer=library)
    assert (empty.exit_code, len(empty.stderr.splitlines())) == (1, 1)
    assert set(library.calls) == {("GET", "/books")}


def test_a_whole_title_counts_before_the_beginning_of_another(library: Peer) -> None:
    library.shelf.append(book(6, title="Mailman"))
    assert bookchorus("history", "mail", peer=library).exit_code == 0
    assert library.calls[-1] == ("GET", f"/admin/books/{MAIL}/aliases")


@pytest.mark.parametrize("command", WITH_VERSION)
def test_a_version_of_an_unknown_book_is_one_line(library: Peer, paths: dict[str, str], command: str) -> None:
    for name, why in (
        ("The Lion@2", "There is no book 'The Lion'."),
        ("the jackal@2", "2 books are called 'the jackal': "),
    ):
        result = bookchorus(*words(command, name, paths), peer=library)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
        assert result.stderr.startswith(why)


def test_where_no_version_is_meant_an_at_is_of_the_title(library: Peer) -> None:
    assert bookchorus("show", "tiger@home", "2", peer=library).exit_code == 0
    assert library.calls[-1] == ("GET", f"/admin/books/{AT}/versions/2")
    for words in (("show", "The Tiger@1", "2"), ("train", "The Tiger@1", "--no-wait")):
        refused = bookchorus(*words, peer=library)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("There is no book 'The Tiger@1': did you mean ")


def test_without_a_service_it_says_how_to_start_one() -> None:
    result = bookchorus("books", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert (
        result.stderr == "No service answers at http://127.0.0.1:9. If none is starting: bookchorus serve\n"
    )

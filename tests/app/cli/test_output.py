"""--json: one document of the API's shape on standard output and nothing else, failures as problems, and the
exit statuses.
"""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.schemas import (
    AddedBook,
    AliasMove,
    AliasState,
    Answer,
    Book,
    ChangedQuestions,
    Comparison,
    Inspection,
    Job,
    JobEvent,
    MovedAlias,
    Page,
    Passage,
    PromptVersion,
    Pruned,
    Question,
)
from tests.app.cli.runner import bookchorus, files_for
from tests.app.client.examples import book, events, job
from tests.app.client.peer import Peer
from tests.docs.command_line import commands, flags

# A command with what it needs, and the shape of its document.
COMMANDS: dict[str, tuple[list[str], type[BaseModel]]] = {
    "books": ([], Page[Book]),
    "remove": (["BOOK", "--yes"], Book),
    "train": (["BOOK", "--no-wait"], Job),
    "add": (["FILE", "--no-wait"], AddedBook),
    "jobs": ([], Page[Job]),
    "cancel": (["job_1"], Job),
    "ask": (["Who?"], Answer),
    "passage": (["1"], Passage),
    "questions": (["BOOK"], Page[Question]),
    "question add": (["BOOK", "Who?", "A tiger."], Question),
    "question correct": (["BOOK", "question_1", "--answer", "A jackal."], Question),
    "question remove": (["BOOK", "question_1"], ChangedQuestions),
    "versions": ([], Page[PromptVersion]),
    "show": (["BOOK"], PromptVersion),
    "promote": (["BOOK", "2", "--force"], MovedAlias),
    "rollback": (["BOOK"], AliasState),
    "history": (["BOOK"], Page[AliasMove]),
    "compare": (["BOOK", "1", "2"], Comparison),
    "prune": (["BOOK", "--keep", "2"], Pruned),
    "export": (["BOOK", "OUT"], Page[str]),
    "import": (["BOOK", "DIR"], PromptVersion),
    "inspect": (["BOOK"], Inspection),
}
# They print one document on each line, or need no service and are tested on a database.
OTHERS = {"doctor", "follow", "chat", "keys list", "skill list", "audit", "verify", "backup", "eval", "watch"}


@pytest.fixture
def library(peer: Peer) -> Peer:
    peer.shelf, peer.jobs = [book()], [job("running")]
    return peer


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    return files_for(tmp_path) | {"BOOK": "the tiger"}


def test_every_command_that_prints_json_is_tested() -> None:
    found = {name for name, command in commands().items() if "--json" in flags(command)}
    assert {name for name in found if not name.startswith("bench ")} == {*COMMANDS, *OTHERS}


@pytest.mark.parametrize("command", COMMANDS)
def test_with_json_there_is_one_document_of_the_apis_shape(
    library: Peer, paths: dict[str, str], command: str
) -> None:
    words, shape = COMMANDS[command]
    said = [*command.split(), *(paths.get(word, word) for word in words), "--json"]
    result = bookchorus(*said, peer=library)
    assert (result.exit_code, result.stderr) == (0, "")
    [line] = result.stdout.splitlines()
    # A shape is what it is, with nothing that the API does not have.
    assert shape.model_validate_json(line).model_dump(mode="json") == json.loads(line)


@pytest.mark.parametrize("command", COMMANDS)
def test_with_json_a_failure_is_a_problem_on_one_line_of_standard_error(
    paths: dict[str, str], command: str
) -> None:
    words, _ = COMMANDS[command]
    said = [*command.split(), *(paths.get(word, word) for word in words), "--json"]
    result = bookchorus(*said, "--url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stdout) == (1, "")
    told = json.loads(result.stderr)
    assert result.stderr.count("\n") == 1
    assert told["type"] == "about:blank"
    assert told["detail"].startswith("No service answers at http://127.0.0.1:9.")


def test_what_the_service_refuses_is_its_own_problem(peer: Peer) -> None:
    result = bookchorus("ask", "  ", "--json", peer=peer)
    assert (result.exit_code, result.stdout) == (1, "")
    problem = {"type": "/problems/question-empty", "title": "question-empty", "status": 422}
    assert json.loads(result.stderr) == {**problem, "detail": "The question is empty: write one."}


@pytest.mark.parametrize("words", [["follow", "job_1"], ["train", book().id], ["add", "FILE"]])
def test_a_training_is_one_event_a_line_and_then_the_job(
    library: Peer, paths: dict[str, str], words: list[str]
) -> None:
    # The file is new to the service.
    library.shelf = []
    result = bookchorus(*(paths.get(word, word) for word in words), "--json", peer=library)
    assert (result.exit_code, result.stderr) == (0, "")
    *lines, last = result.stdout.splitlines()
    if words[0] == "add":
        added = AddedBook.model_validate_json(lines.pop(0))
        assert (added.book.id, added.job and added.job.id) == (book().id, "job_1")
    assert [JobEvent.model_validate_json(line) for line in lines] == events()
    assert Job.model_validate_json(last).status == "succeeded"


def test_a_training_that_failed_ends_with_its_job_and_a_problem(library: Peer) -> None:
    library.end = "failed"
    result = bookchorus("follow", "job_1", "--json", peer=library)
    assert result.exit_code == 1
    assert Job.model_validate_json(result.stdout.splitlines()[-1]).status == "failed"
    assert json.loads(result.stderr)["detail"] == "Learning The Tiger failed: no memory left"


def test_many_books_are_a_line_for_each_change(library: Peer, tmp_path: Path) -> None:
    library.shelf = []
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    lost = str(tmp_path / "lost.txt")
    result = bookchorus("add", str(tmp_path / "*.txt"), lost, "--no-wait", "--json", peer=library)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(line["object"] == "added" for line in lines)
    assert [line["file"] for line in lines if line["state"] == "failed"] == [lost]
    begun = [line["file"] for line in lines if line["state"] == "uploading" and line["file"] != lost]
    assert begun == [str(tmp_path / "one.txt"), str(tmp_path / "two.txt")]
    assert [line["book"] for line in lines if line["state"] == "queued"] == [book().id]


def test_the_status_is_3_where_the_service_declines_to_answer(peer: Peer) -> None:
    peer.declines = True
    for words in ((), ("--json",)):
        result = bookchorus("ask", "Who?", *words, peer=peer)
        assert (result.exit_code, result.stderr) == (3, "")
    assert Answer.model_validate_json(result.stdout).answer is None


def test_the_status_is_2_where_a_command_is_used_wrongly(peer: Peer) -> None:
    for words in (["ask"], ["jobs", "--limit", "0"], ["books", "--nothing"], ["nothing"]):
        assert bookchorus(*words, peer=peer).exit_code == 2
    assert peer.calls == []


def test_a_book_is_removed_once_that_is_confirmed(library: Peer) -> None:
    refused = bookchorus("remove", "the t", peer=library)
    assert refused.exit_code == 1
    assert f"Remove The Tiger ({book().id}) and all that was learned from it?" in refused.stderr
    assert ("DELETE", f"/books/{book().id}") not in library.calls
    done = bookchorus("remove", "the t", "--yes", peer=library)
    assert (done.exit_code, done.stdout) == (0, f"The Tiger ({book().id}) is removed.\n")
    assert ("DELETE", f"/books/{book().id}") in library.calls

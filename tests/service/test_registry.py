"""The registry over HTTP and through the client: promote, roll back, compare, prune, and asks meanwhile."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from app.client import Client, ClientError
from app.schemas import Comparison
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


@contextmanager
def problem(slug: str, status: int = 409) -> Iterator[None]:
    """What is inside is refused with this problem."""
    with pytest.raises(ClientError) as caught:
        yield
    assert (caught.value.status, caught.value.type) == (status, f"/problems/{slug}")


def learned(client: Client, http: httpx.Client, name: str, versions: int) -> str:
    """A book with so many versions; its id."""
    book = str(upload(http, STORY + name).json()["book"]["id"])
    for _ in range(versions - 1):
        list(client.follow(client.train(book, recipe=QUICK).id))
    return book


@pytest.fixture(scope="module")
def book(client: Client) -> str:
    """A book with three versions, which the tests below leave as they are."""
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        return learned(client, http, "registered", 3)


def test_one_version_is_shown_with_its_curves(client: Client, http: httpx.Client, book: str) -> None:
    shown = client.registry.version(book, 2)
    assert (shown.number, shown.state, shown.refused, shown.aliases) == (2, "live", None, [])
    assert all(len(member.curve or []) == shown.metrics["steps"] for member in shown.members)
    assert client.registry.version(book).number == client.registry.version(book, "latest").number == 3
    listed = http.get(f"/admin/books/{book}/versions").json()["data"]
    assert [version["number"] for version in listed] == [3, 2, 1]
    assert all(member["curve"] is None for version in listed for member in version["members"])
    for ref in ("9", "nobody", "0"):
        with problem("not-found", 404):
            client.registry.version(book, ref)


def test_versions_are_listed_by_state(client: Client, http: httpx.Client, book: str) -> None:
    assert [version.number for version in client.versions(book=book, state="live")] == [3, 2, 1]
    assert client.versions(book=book, state="pruned") == []
    assert http.get("/admin/prompts", params={"state": "gone"}).status_code == 422


def same(compared: Comparison) -> dict[str, Any]:
    """What two comparisons of the same versions by the same questions have in common."""
    of_an_answer = {"id", "timings"}
    said = [
        (each.question, each.expected, [one.model_dump(exclude=of_an_answer) for one in each.answers])
        for each in compared.questions
    ]
    return compared.model_dump(exclude={"questions"}) | {"said": said}


def test_two_versions_are_compared_by_what_they_are_and_what_they_answer(
    client: Client, http: httpx.Client
) -> None:
    book = learned(client, http, "compared", 1)
    list(client.follow(client.train(book, recipe={**QUICK, "learning_rate": 0.01, "seed": 5}).id))
    questions = ["Who kept the lamp?", "What burned slowly?"]
    found = client.registry.compare(book, 1, "latest", questions=questions, seed=3)
    assert [version.number for version in found.versions] == [1, 2]
    assert {each.name: each.values for each in found.recipe} == {
        "learning_rate": [0.003, 0.01],
        "seed": [0, 5],
    }
    assert "seconds" in {each.name for each in found.metrics}
    assert [each.question for each in found.questions] == questions
    for asked in found.questions:
        for number, answer in zip((1, 2), asked.answers, strict=True):
            assert [used.version for used in answer.versions] == [number]
            alone = client.ask(asked.question, books=[f"{book}@{number}"], seed=3)
            assert answer.answer == alone.answer
            assert answer.confidence == pytest.approx(alone.confidence)
    told: list[tuple[int, int, str]] = []
    one_by_one = client.registry.compare(
        book, 1, "latest", questions=questions, seed=3, on_question=lambda *at: told.append(at)
    )
    assert told == [(1, 2, questions[0]), (2, 2, questions[1])]
    assert same(one_by_one) == same(found)
    # The tiny LLM wrote nothing about the book that can be asked.
    assert client.registry.compare(book, 1, 2).questions == []
    client.questions.add(book, "Who kept it?", "Ost", passage=0)
    written = client.registry.compare(book, 1, 2)
    assert [each.expected for each in written.questions] == ["Ost"]
    assert same(client.registry.compare(book, 1, 2, on_question=lambda *_: None)) == same(written)
    with problem("not-found", 404):
        client.registry.compare(book, 1, 7)
    with problem("question-empty", 422):
        client.registry.compare(book, 1, 2, questions=[" "])
    for versions in ([1], [1, 2, 1], [0, 1], [1, ""]):
        refused = http.post(f"/admin/books/{book}/compare", json={"versions": versions})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-request")


def test_each_rollback_goes_further_back_and_a_promotion_forth(client: Client, http: httpx.Client) -> None:
    book = learned(client, http, "walked", 3)
    registry = client.registry
    assert registry.rollback(book, why="3 forgot the butter").version == 2
    assert registry.rollback(book).version == 1
    with problem("nothing-to-roll-back-to"):
        registry.rollback(book)
    assert registry.promote(book, 3, why="it was right").version == 3
    assert registry.aliases(book) == {"champion": 3, "latest": 3}
    moves = registry.history(book, "champion")
    assert [(move.from_version, move.to, move.rollback) for move in moves[:3]] == [
        (1, 3, False),
        (2, 1, True),
        (3, 2, True),
    ]
    assert [move.why for move in moves[:3]] == ["it was right", None, "3 forgot the butter"]
    assert {move.alias for move in registry.history(book)} == {"champion", "latest"}
    page = http.get(f"/admin/books/{book}/aliases/champion", params={"limit": 2}).json()
    assert ([move["id"] for move in page["history"]], page["has_more"]) == ([m.id for m in moves[:2]], True)
    rest = http.get(
        f"/admin/books/{book}/aliases/champion", params={"limit": 200, "after": moves[1].id}
    ).json()
    assert ([move["id"] for move in rest["history"]], rest["has_more"]) == ([m.id for m in moves[2:]], False)
    with problem("not-found", 404):
        registry.history("book_none")


def test_a_pruned_version_is_known_and_not_asked(client: Client, http: httpx.Client) -> None:
    book = learned(client, http, "pruned", 3)
    registry = client.registry
    # It is in memory when it is pruned.
    assert client.ask("Who?", books=[f"{book}@1"]).versions[0].version == 1
    before = registry.version(book, 1)
    with problem("version-in-use"):
        registry.delete(book, 3)
    assert registry.prune(book, keep=2) == [1]
    assert registry.delete(book, 2).state == "pruned"
    assert registry.delete(book, 2).state == "pruned"
    after = registry.version(book, 1)
    assert after == before.model_copy(update={"pruned": True, "state": "pruned"})
    assert [version.number for version in client.versions(book=book, state="pruned")] == [2, 1]
    for call in (
        lambda: client.ask("Who?", books=[f"{book}@1"]),
        lambda: registry.promote(book, 1, force=True),
        lambda: registry.compare(book, 1, 3, questions=["Who?"]),
    ):
        with problem("version-pruned"):
            call()
    with problem("nothing-to-roll-back-to"):
        registry.rollback(book)
    assert client.ask("Who?", books=[book]).versions[0].version == 3
    assert http.post(f"/admin/books/{book}/prune", json={"keep": 0}).status_code == 422
    list(client.follow(client.train(book, recipe=QUICK).id))
    assert registry.version(book).number == 4


def test_a_version_worse_than_the_champion_is_promoted_only_by_force(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with service(tmp_path, "--model", str(tiny_folder)) as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        book = added.book.id
        list(client.follow(client.train(book, recipe=QUICK).id))
        client.registry.promote(book, 1)
        gate = '{"passed": false, "champion": 1, "loss": 3.1, "champion_loss": 2.9, "forced": false}'
        with sqlite3.connect(tmp_path / "data" / "bookchorus.db") as database:
            database.execute("UPDATE versions SET gate = ? WHERE number = 2", (gate,))
        database.close()
        with problem("worse-than-champion"):
            client.registry.promote(book, 2)
        with pytest.raises(ClientError, match=r"3\.10 against 2\.90"):
            client.registry.promote(book, 2)
        assert client.registry.promote(book, 2, alias="tried").version == 2
        assert client.registry.aliases(book)["champion"] == 1
        state = client.registry.promote(book, 2, force=True, why="I know better")
        assert (state.version, state.history[0].why) == (2, "I know better (forced)")


def test_only_the_last_versions_are_kept_where_the_service_is_told_so(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with service(tmp_path, "--model", str(tiny_folder), keep_versions="2") as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        for _ in range(3):
            list(client.follow(client.train(added.book.id, recipe=QUICK).id))
        states = {version.number: version.state for version in client.versions()}
        assert states == {4: "live", 3: "live", 2: "pruned", 1: "pruned"}


def test_versions_change_under_a_running_load_of_asks(client: Client, http: httpx.Client) -> None:
    """No ask fails, each says which version answered, and a move that has returned is seen by new asks."""
    book = learned(client, http, "moved", 2)
    over = Event()

    def ask(_: int) -> list[int]:
        used = []
        with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as own:
            while not over.is_set():
                answer = own.post("/ask", json={"question": "Who kept the lamp?", "books": [book]})
                assert answer.status_code == 200, answer.text
                [version] = answer.json()["versions"]
                assert answer.json()["degraded"] is None
                said = {each["version"] for vote in answer.json()["votes"] for each in vote["candidates"]}
                assert said == {version["version"]}
                used.append(version["version"])
        return used

    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(ask, number) for number in range(3)]
        try:
            for turn in range(10):
                # By force: learned alike, the two differ in the last bits of their losses.
                registry = client.registry
                moved = registry.promote(book, 2, force=True) if turn % 2 else registry.rollback(book)
                assert moved.version == 2 - (turn + 1) % 2
                assert client.ask("Who?", books=[book]).versions[0].version == moved.version
        finally:
            over.set()
        used = [version for each in asking for version in each.result()]
    assert set(used) == {1, 2}


def test_an_ask_by_alias_never_meets_the_version_that_was_pruned_meanwhile(
    client: Client, http: httpx.Client
) -> None:
    """The champion moves on, and the one before it is pruned at once, while asks by alias and number run."""
    book = learned(client, http, "raced", 8)
    client.registry.promote(book, 1)
    over = Event()

    def ask(name: str) -> set[int]:
        seen = set()
        with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as own:
            while not over.is_set():
                answer = own.post("/ask", json={"question": "Who?", "books": [name]})
                seen.add(answer.status_code)
                if answer.status_code == 409:
                    assert answer.json()["type"] == "/problems/version-pruned"
        return seen

    with ThreadPoolExecutor(3) as threads:
        by_alias = [threads.submit(ask, book) for _ in range(2)]
        by_number = threads.submit(ask, f"{book}@1")
        try:
            for number in range(2, 8):
                # By force: learned alike, the versions differ in the last bits of their losses.
                client.registry.promote(book, number, force=True)
                client.registry.delete(book, number - 1)
                assert client.ask("Who?", books=[book]).versions[0].version == number
        finally:
            over.set()
        assert [each.result() for each in by_alias] == [{200}, {200}]
        assert by_number.result() <= {200, 409}

"""Follow-up questions in threads, and what becomes of these."""

import json
from typing import Any

import httpx
import pytest

from app.client import Client, ClientError
from app.schemas import Answer
from tests.faults.test_bad_input import problem
from tests.service.test_books import upload

MARMOTS = "The marmot Grisella kept seven copper kettles in the cellar of the Whitlow mill.\n" * 3
# It has every word of the follow-up, and nothing of what this is about.
DECOY = "The weaver of Sund never told the miller what it was that she did keep there.\n" * 3
FIRST, NEXT = "Where did the marmot Grisella of Whitlow live?", "What did she keep there?"


@pytest.fixture(scope="module")
def shelf(client: Client) -> tuple[str, str]:
    """The books of the marmots and of the decoy."""
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        texts = (MARMOTS, DECOY)
        marmots, decoy = (
            upload(http, f"{text} Of a thread.", tags="threads").json()["book"]["id"] for text in texts
        )
    return marmots, decoy


def ask(http: httpx.Client, question: str, **fields: Any) -> dict[str, Any]:
    body = {"question": question, "k": 2, "min_confidence": 0, **fields}
    answer = http.post("/ask", json=body)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


def cited(answer: dict[str, Any]) -> set[str]:
    return {one["book"] for one in answer["citations"]}


def test_a_follow_up_keeps_to_the_book_unless_another_is_named(
    http: httpx.Client, shelf: tuple[str, str]
) -> None:
    marmots, decoy = shelf
    scope = {"tags": ["threads"]}
    first = ask(http, FIRST, thread="new", **scope)
    thread = first["thread"]
    assert cited(first) == {marmots}
    assert cited(ask(http, NEXT, **scope)) == {decoy}  # without the thread
    follow_up = ask(http, NEXT, thread=thread)
    assert (follow_up["thread"], cited(follow_up)) == (thread, {marmots})
    other = ask(http, "Who kept what there?", thread=thread, books=[f"{decoy}@1"])
    assert cited(other) == {decoy}
    # It goes on where the last question was asked, at the same version.
    assert cited(ask(http, FIRST, thread=thread)) == {decoy}
    turns = http.get(f"/threads/{thread}").json()["turns"]
    assert [turn["number"] for turn in turns] == [1, 2, 3, 4]
    assert [turn["answer"] for turn in turns[:3]] == [first, follow_up, other]


def test_what_was_said_helps_to_find_the_passages(http: httpx.Client, shelf: tuple[str, str]) -> None:
    marmots, decoy = shelf
    scope = {"tags": ["threads"]}
    assert cited(ask(http, NEXT, **scope)) == {decoy}
    thread = ask(http, FIRST, thread="new", books=[marmots])["thread"]
    # In a scope of its own a follow-up is searched for again, by what was spoken of.
    assert cited(ask(http, NEXT, thread=thread, **scope)) == {marmots}


def test_the_same_question_after_the_same_turns_has_the_same_answer(
    http: httpx.Client, shelf: tuple[str, str]
) -> None:
    def answers() -> list[tuple[Any, ...]]:
        first = ask(http, FIRST, thread="new", books=[shelf[0]])
        second = ask(http, NEXT, thread=first["thread"])
        return [(each["answer"], each["votes"], each["citations"]) for each in (first, second)]

    assert answers() == answers()


def test_a_stream_is_kept_as_well(client: Client, http: httpx.Client, shelf: tuple[str, str]) -> None:
    begun = client.threads.begin("  Marmots\n of Whitlow ")
    assert (begun.title, begun.questions) == ("Marmots of Whitlow", 0)
    heard: list[object] = []
    answer = client.ask(FIRST, books=[shelf[0]], thread=begun.id, on_heard=heard.append)
    assert heard
    [turn] = client.threads.read(begun.id).turns
    assert (turn.answer, answer.thread) == (answer, begun.id)


def test_an_ask_that_fails_leaves_no_thread_behind(client: Client, http: httpx.Client) -> None:
    before = [each.id for each in client.threads.list()]
    problem(http.post("/ask", json={"question": " ", "thread": "new"}), 422, "question-empty")
    problem(
        http.post("/ask", json={"question": "Who?", "thread": "new", "books": ["book_0"]}), 404, "not-found"
    )
    problem(http.post("/ask", json={"question": "Who?", "thread": "thread_0"}), 404, "not-found")
    assert [each.id for each in client.threads.list()] == before


def test_threads_are_listed_searched_renamed_and_deleted(client: Client, shelf: tuple[str, str]) -> None:
    asked = ("Who mended the weir of Tämm?", "Who counted nine bells?")
    weir, bells = (client.ask(question, books=[shelf[0]], thread="new").thread for question in asked)
    assert weir is not None
    assert bells is not None
    assert [each.id for each in client.threads.list()][:2] == [bells, weir]
    [found] = client.threads.list("tamm who")
    assert (found.id, found.title, found.questions) == (weir, asked[0], 1)
    assert found.changed_at >= found.created_at
    assert client.threads.rename(weir, "The otter").title == "The otter"
    assert [each.id for each in client.threads.list("otter mended")] == [weir]
    for blank in (None, " \u200b"):
        assert client.threads.rename(weir, blank).title == asked[0]
    client.threads.delete(weir)
    assert client.threads.list("tamm") == []
    for call in (client.threads.read, client.threads.delete, client.threads.export):
        with pytest.raises(ClientError, match=f"no thread {weir}"):
            call(weir)


def test_an_export_is_markdown_with_the_places(client: Client, shelf: tuple[str, str]) -> None:
    question = "# Who *kept* <b>kettles</b>?"
    thread = client.ask(question, books=[shelf[0]], thread="new", min_confidence=0).thread
    assert thread is not None
    client.threads.rename(thread, "1. Kettles")
    [turn] = client.threads.read(thread).turns
    text = client.threads.export(thread)
    lines = text.splitlines()
    assert lines[0] == "# 1\\. Kettles"
    assert lines[2] == "## \\# Who \\*kept\\* \\<b\\>kettles\\</b\\>?"
    read_in = turn.answer.read_in
    assert read_in
    quoted = [one.support.text if one.support else one.text for one in read_in]
    assert [line for line in lines if line.startswith("> ") and not line.startswith("> —")] == [
        f"> {' '.join(each.split())}" for each in quoted
    ]
    places = [line for line in lines if line.startswith("> —")]
    assert len(places) == len(quoted)
    assert places[0].startswith("> — *lamp*")


def test_what_was_quoted_of_a_book_that_went_is_marked(
    client: Client, http: httpx.Client, shelf: tuple[str, str]
) -> None:
    tale = "The newt Olm of Pryd polished three brass spoons in the chapel of Verl.\n" * 3
    book = upload(http, tale).json()["book"]["id"]
    answer = ask(http, "What did the newt Olm of Pryd polish?", books=[book], thread="new")
    thread, passages = answer["thread"], [one["passage"] for one in answer["citations"]]
    assert http.get(f"/threads/{thread}").json()["turns"][0]["gone"] == []
    # A new text has other passages.
    revised = {"title": "Newts", "text": tale + "And a fork."}
    http.post(f"/books/{book}/revisions", json=revised).raise_for_status()
    assert http.get(f"/threads/{thread}").json()["turns"][0]["gone"] == passages
    http.delete(f"/books/{book}").raise_for_status()
    [turn] = http.get(f"/threads/{thread}").json()["turns"]
    assert (turn["answer"], turn["gone"]) == (answer, passages)
    assert "no longer in the library" in client.threads.export(thread)
    # There is no such book to go on in: the library is searched again.
    assert cited(ask(http, FIRST, thread=thread, tags=["threads"])) == {shelf[0]}
    assert book not in cited(ask(http, "What did it polish?", thread=thread))


def test_answers_outside_a_thread_are_kept_nowhere(client: Client, shelf: tuple[str, str]) -> None:
    before = client.threads.list()
    assert client.ask(FIRST, books=[shelf[0]]).thread is None
    assert client.threads.list() == before


def test_an_answer_of_an_earlier_release_can_be_read(client: Client, shelf: tuple[str, str]) -> None:
    """Fields that come later have a default: what is kept outlives releases."""
    told = json.loads(client.ask(FIRST, books=[shelf[0]]).model_dump_json())
    del told["thread"]
    assert Answer.model_validate(told).thread is None

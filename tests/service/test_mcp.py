"""Assistants: the SDK's own client over HTTP and over standard input and output, against a real service."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client as Assistant
from mcp import MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextResourceContents

from app.answering.skill import LoadedSkill
from app.client import Client
from store import keys
from store.database import Database
from store.keys import Limits
from tests.faults.test_bad_input import problem
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.service.test_declining import declines_at_a_quarter
from tests.tiny import STORY
from tests.warm.commands import python
from trainer.llm.frozen_llm import FrozenLLM

QUESTION = "Who kept a green lamp?"


@dataclass(frozen=True)
class Library:
    """A service with a book of anna's, and the keys of her and of ben."""

    url: str
    book: str
    keys: dict[str, str]

    def ask(self, **asked: Any) -> dict[str, Any]:
        body = {"question": QUESTION, "books": [self.book], **asked}
        headers = {"Authorization": f"Bearer {self.keys['anna']}"}
        found: dict[str, Any] = httpx.post(
            f"{self.url}/ask", json=body, headers=headers, trust_env=False, timeout=60
        ).json()
        return found


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> Iterator[Library]:
    """Its confidence is always a quarter, with a threshold just above."""
    folder = tmp_path_factory.mktemp("mcp")
    declines_at_a_quarter(folder / "data", llm, skill)
    with service(folder, "--model", str(tiny_folder), admin_key="sesame") as client:
        database = Database(f"sqlite:///{folder / 'data' / 'bookchorus.db'}")
        made = {}
        with database.write() as session:
            for name, limits in (
                ("anna", Limits()),
                ("ben", Limits()),
                ("slow", Limits(requests_per_minute=2)),
            ):
                _, made[name] = keys.add(session, name=name, role="reader", owner=name, limits=limits)
            _, writer = keys.add(session, name="writer", role="writer", owner="anna")
        database.close()
        with Client(client.url, writer) as hers:
            added = hers.add(STORY, title="Lamp", author="M. Ost", recipe=QUICK)
            assert added.job is not None
            list(hers.follow(added.job.id))
        yield Library(client.url, added.book.id, made)


@asynccontextmanager
async def over_http(library: Library, who: str, mode: str = "auto") -> AsyncIterator[Assistant]:
    headers = {"Authorization": f"Bearer {library.keys[who]}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(f"{library.url}/mcp", http_client=http)
        async with Assistant(transport, mode=mode) as assistant:
            yield assistant


def over_stdio(url: str, key: str) -> Assistant:
    command, *words = python("-m", "app.cli", "mcp", "--url", url, "--key", key, imported="tests")
    return Assistant(StdioServerParameters(command=command, args=words))


async def told(assistant: Assistant, tool: str, **given: Any) -> tuple[dict[str, Any], str]:
    """What a tool gives, for programs and as text."""
    result = await assistant.call_tool(tool, given)
    [content] = result.content
    assert content.type == "text"
    assert not result.is_error, content.text
    return result.structured_content, content.text


async def refused(assistant: Assistant, tool: str, **given: Any) -> str:
    result = await assistant.call_tool(tool, given)
    assert result.is_error
    [content] = result.content
    assert content.type == "text"
    return content.text


async def text_of(assistant: Assistant, uri: str) -> str:
    [content] = (await assistant.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


def test_both_ways_give_the_answer_that_the_api_gives(library: Library) -> None:
    library.ask(min_confidence=0)  # from here on all that is read is known
    answer = library.ask(min_confidence=0)
    wish = {"question": QUESTION, "books": [library.book], "min_confidence": 0}

    async def ask() -> list[tuple[dict[str, Any], str]]:
        given = []
        for mode in ("auto", "legacy"):
            async with over_http(library, "anna", mode) as assistant:
                given.append(await told(assistant, "ask", **wish))
        async with over_stdio(library.url, library.keys["anna"]) as assistant:
            given.append(await told(assistant, "ask", **wish))
            names = {tool.name for tool in (await assistant.list_tools()).tools}
        assert names == {"ask", "search_passages", "list_books", "read_passage"}
        return given

    for given, text in anyio.run(ask):
        assert given["answer"] == answer["answer"]
        assert given["confidence"] == pytest.approx(answer["confidence"], abs=1e-4)
        assert {each["passage"] for each in given["citations"]} <= {
            each["passage"] for each in answer["citations"]
        }
        assert given["citations"]
        assert given["citations"][0]["title"] == "Lamp"
        assert answer["answer"] in text


def test_an_answer_that_is_declined_is_none(library: Library) -> None:
    declined = library.ask()
    assert declined["answer"] is None

    async def ask() -> tuple[dict[str, Any], str]:
        async with over_http(library, "anna") as assistant:
            return await told(assistant, "ask", question=QUESTION)

    given, text = anyio.run(ask)
    assert given["answer"] is None
    assert given["declined"] == declined["abstained"]["detail"]
    assert text.startswith("No answer is given: ")
    assert given["citations"]


def test_passages_are_found_and_read_and_books_are_resources(library: Library) -> None:
    async def read() -> None:
        async with over_http(library, "anna") as assistant:
            found, text = await told(assistant, "search_passages", query="butter", limit=1)
            [passage] = found["passages"]
            assert "butter" in passage["text"]
            assert passage["text"] in text
            near, _ = await told(assistant, "read_passage", passage=passage["id"], around=10)
            ids = [each["id"] for each in near["passages"]]
            assert near["passage"] in ids
            assert ids == sorted(ids)
            listed, _ = await told(assistant, "list_books")
            assert [each["id"] for each in listed["books"]] == [library.book]
            [book] = (await assistant.list_resources()).resources
            assert (book.title, book.uri) == ("Lamp", f"bookchorus://books/{library.book}")
            chapters = json.loads(await text_of(assistant, book.uri))["chapters"]
            last = await text_of(assistant, chapters[-1]["uri"])
            assert "asked the baker for butter" in last
            assert "kept a green lamp" not in last
            for unknown in (
                f"{book.uri}/chapters/99",
                "bookchorus://books/book_0000000000000000",
                "file:///x",
            ):
                with pytest.raises(MCPError, match=r"There is no|has no chapter"):
                    await assistant.read_resource(unknown)

    anyio.run(read)


def test_nothing_of_another_library_is_seen_and_the_audit_log_has_who_asked(library: Library) -> None:
    async def look() -> None:
        async with over_http(library, "anna") as hers:
            found, _ = await told(hers, "search_passages", query="lamp", limit=1)
        async with over_http(library, "ben") as his:
            assert (await told(his, "list_books"))[0] == {"books": []}
            assert (await told(his, "search_passages", query="lamp"))[0] == {"passages": []}
            nobodys = f"There is no book {library.book}."
            assert await refused(his, "ask", question=QUESTION, books=[library.book]) == nobodys
            assert await refused(his, "search_passages", query="lamp", books=[library.book]) == nobodys
            passage = found["passages"][0]["id"]
            assert await refused(his, "read_passage", passage=passage) == f"There is no passage {passage}."
            with pytest.raises(MCPError, match=nobodys):
                await his.read_resource(f"bookchorus://books/{library.book}")

    anyio.run(look)
    headers = {"Authorization": "Bearer sesame"}
    lines = httpx.get(
        f"{library.url}/admin/audit", params={"who": "ben"}, headers=headers, trust_env=False
    ).json()["data"]
    assert {(line["method"], line["path"], line["status"]) for line in lines} >= {("POST", "/ask", 404)}


def test_books_are_named_by_their_titles_of_the_library_that_is_seen(library: Library) -> None:
    async def call() -> None:
        async with over_http(library, "anna") as hers:
            for name in ("Lamp", "la", "lamp@1", library.book[:9]):
                asked, _ = await told(hers, "ask", question=QUESTION, books=[name], min_confidence=0)
                assert {each["book"] for each in asked["citations"]} == {library.book}
            found, _ = await told(hers, "search_passages", query="lamp", books=["LAMP"])
            assert {each["book"] for each in found["passages"]} == {library.book}
            for tool, asked in (("ask", {"question": QUESTION}), ("search_passages", {"query": "lamp"})):
                assert await refused(hers, tool, **asked, books=["Lump"]) == (
                    f"There is no book 'Lump': did you mean {library.book} (Lamp)? "
                    "The tool list_books has them all."
                )
        async with over_http(library, "ben") as his:
            none = "There is no book 'Lamp'. The tool list_books has them all."
            assert await refused(his, "ask", question=QUESTION, books=["Lamp"]) == none

    anyio.run(call)


def test_a_call_that_is_wrong_says_what_was_expected(library: Library) -> None:
    async def call() -> None:
        async with over_http(library, "anna") as assistant:
            assert "min_confidence" in await refused(assistant, "ask", question="Who?", min_confidence=2)
            assert "book: Extra inputs" in await refused(assistant, "ask", question="Who?", book="x")
            assert "question" in await refused(assistant, "ask", question=" ")
            with pytest.raises(MCPError, match="There is no tool 'tell'"):
                await assistant.call_tool("tell", {})

    anyio.run(call)


def post(url: str, key: str | None = None, tool: str = "list_books", **headers: str) -> httpx.Response:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
    sent = {"Accept": "application/json, text/event-stream", **headers}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    return httpx.post(f"{url}/mcp", json=call, headers=sent, trust_env=False, timeout=60)


def test_a_key_is_needed_and_counts_each_call_once(library: Library) -> None:
    problem(post(library.url), 401, "key-missing")
    problem(post(library.url, "key_0000000000000000.x"), 401, "key-wrong")
    for _ in range(2):
        assert post(library.url, library.keys["slow"]).json()["result"]["isError"] is False
    problem(post(library.url, library.keys["slow"]), 429, "rate-exceeded")


def test_without_keys_a_page_elsewhere_cannot_call(client: Client) -> None:
    assert post(client.url).status_code == 200
    problem(post(client.url, Origin="https://evil.example"), 403, "foreign-origin")
    problem(post(client.url, Host="evil.example"), 403, "foreign-origin")


def test_by_standard_input_a_wrong_key_and_a_service_that_is_away_are_told(library: Library) -> None:
    async def call(url: str) -> str:
        async with over_stdio(url, "key_0000000000000000.x") as assistant:
            return await refused(assistant, "list_books")

    assert anyio.run(call, library.url) == "There is no such key."
    away = "http://127.0.0.1:9"
    assert anyio.run(call, away) == f"No service answers at {away}. If none is starting: bookchorus serve"

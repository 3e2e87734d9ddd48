"""Questions through every door of a service: API, page, command line, OpenAI's client, an assistant.

    python -m tests.benchmarks.same_answers

The ten questions of the sample book, to which the book was added and not learned, or learned for some seconds
with `--learn 60`. Told is what each door answers, and for how many questions all say the same. Of the page
it is read what stands there, in Chromium; an answer that the service is not sure of is "-" everywhere.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcp import Client as Assistant
from mcp.client.streamable_http import streamable_http_client
from openai import OpenAI
from playwright.sync_api import expect

from app.client import Client
from tests.page.browsers import chromium
from tests.service.conftest import plain_service

DECLINED = "-"
Door = Callable[[str], str]


def by_api(client: Client) -> Door:
    """`POST /ask`."""
    return lambda question: client.ask(question).answer or DECLINED


def by_command(client: Client) -> Door:
    """`bookchorus ask --json`."""

    def ask(question: str) -> str:
        words = [sys.executable, "-m", "app.cli", "ask", question, "--json", "--url", client.url]
        told = json.loads(subprocess.run(words, capture_output=True, check=False, text=True).stdout)
        return str(told["answer"] or DECLINED)

    return ask


def by_openai(client: Client) -> Door:
    """`/v1/chat/completions`, by OpenAI's client."""
    openai = OpenAI(base_url=f"{client.url}/v1", api_key="none")

    def ask(question: str) -> str:
        messages: Any = [{"role": "user", "content": question}]
        told: Any = openai.chat.completions.create(model="library", messages=messages)
        return str(told.bookchorus["answer"] or DECLINED)

    return ask


def by_assistant(client: Client) -> Door:
    """`/mcp`, by the client of the SDK."""

    async def call(question: str) -> str:
        async with Assistant(streamable_http_client(f"{client.url}/mcp")) as assistant:
            told = await assistant.call_tool("ask", {"question": question})
            assert told.structured_content is not None
            return str(told.structured_content["answer"] or DECLINED)

    return lambda question: asyncio.run(call(question))


def by_page(client: Client, questions: list[str]) -> list[str]:
    """The page at `/`, in a browser: a new thread for each question."""
    found = []
    with chromium() as browser:
        page = browser.new_page()
        expect.set_options(timeout=120_000)
        for question in questions:
            page.goto("about:blank")
            page.goto(client.url)
            page.get_by_label("Your question").fill(question)
            page.get_by_label("Your question").press("Enter")
            said = page.locator("article.answer:not([data-unfinished]) .said")
            expect(said).to_have_count(1)
            text = said.inner_text()
            found.append(DECLINED if text == "I don't know" else text)
    return found


def main() -> None:
    """Print a row for each question, and for how many all doors gave one answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--learn", type=int, default=0, help="seconds to learn the book for; 0: not at all")
    parser.add_argument("--model", default="embedded")
    asked = parser.parse_args()
    sample = files("app.sample")
    told = json.loads(sample.joinpath("questions.json").read_text("utf-8"))
    questions = [each["question"] for each in told["questions"]][:10]
    with tempfile.TemporaryDirectory() as folder:
        settings = {} if asked.learn else {"trains": "false"}
        with plain_service(Path(folder), "--model", asked.model, **settings) as (client, _):
            recipe = {"budget_seconds": asked.learn} if asked.learn else None
            text = sample.joinpath(told["book"]).read_text("utf-8")
            added = client.add(text, title=told["title"], author=told["author"], recipe=recipe)
            if asked.learn:
                assert added.job is not None
                for event in client.follow(added.job.id):
                    print(event.message, file=sys.stderr)
            doors = (by_api, by_command, by_openai, by_assistant)
            columns = [[ask(question) for question in questions] for ask in (door(client) for door in doors)]
            columns.append(by_page(client, questions))
    same = 0
    print("| question | API | command line | OpenAI's client | assistant | page |\n|---|---|---|---|---|---|")
    for question, *answers in zip(questions, *columns, strict=True):
        print(f"| {question} | {' | '.join(answers)} |")
        same += len(set(answers)) == 1
    print(f"the same through all: {same} of {len(questions)}")


if __name__ == "__main__":
    main()

"""A service whose skill has a threshold: what it is less sure of is declined, with the reason and places."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.answering.calibration import Calibration, Logistic
from app.answering.skill import LoadedSkill, register_skill
from app.client import Client
from tests import files
from tests.databases import new_database
from tests.service.conftest import service
from tests.service.test_books import upload
from trainer.llm.frozen_llm import FrozenLLM

# Long enough for several passages.
BOOK = "# The Lamp of Ost\n\n" + "\n\n".join(
    f"## Night {night}\n\nMira lit the green lamp on night {night}. "
    + "The fishermen steered home by it. " * 20
    for night in range(1, 6)
)
QUESTION = "Who lit the green lamp?"


def declines_at_a_quarter(folder: Path, llm: FrozenLLM, skill: LoadedSkill) -> None:
    """Make a data folder whose skill has a confidence of always a quarter, and a threshold just above."""
    calibration = Calibration(
        answerable=Logistic(intercept=-math.log(3), slopes={}),
        right=Logistic(intercept=100.0, slopes={}),
        decline_below=0.3,
    )
    folder.mkdir()
    database = new_database(folder / "bookchorus.db")
    register_skill(database, llm.identity, replace(skill, calibration=calibration))
    database.close()


@pytest.fixture(scope="module")
def declining(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> Iterator[Client]:
    """One whose confidence is always a quarter, with a threshold just above."""
    folder = tmp_path_factory.mktemp("declining")
    declines_at_a_quarter(folder / "data", llm, skill)
    with service(folder, "--model", str(tiny_folder)) as client:
        with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
            assert upload(http, BOOK).json()["job"]["status"] == "succeeded"
        yield client


def ask(client: Client, **asked: Any) -> dict[str, Any]:
    wanted = {"question": QUESTION, "seed": 0, "adaptive": False}
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        answer: dict[str, Any] = http.post("/ask", json={**wanted, **asked}).raise_for_status().json()
        return answer


def test_an_unsure_answer_is_declined_with_the_reason_and_the_closest_places(declining: Client) -> None:
    declined, given = ask(declining), ask(declining, min_confidence=0)
    assert (declined["answer"], given["abstained"]) == (None, None)
    assert given["answer"]
    assert declined["calibrated"] is True
    why = declined["abstained"]
    assert why["reason"] == "not-told"
    assert why["detail"].startswith("The book does not seem to tell this.")
    assert "25.0%, where at least 30.0%" in why["detail"]
    assert why["answer"] == given["answer"]
    assert declined["votes"][0]["candidates"]
    places = declined["citations"]
    assert len(places) > 1
    assert [one["score"] for one in places] == sorted((one["score"] for one in places), reverse=True)
    for one in places:
        assert (one["title"], one["text"]) == ("The Lamp of Ost", BOOK[one["start"] : one["end"]])
        assert one["chapter"].startswith("Night")


def test_the_confidence_that_is_asked_for_goes_before_that_of_the_skill(declining: Client) -> None:
    assert ask(declining, min_confidence=0.2)["answer"]
    assert "where at least 90.0%" in ask(declining, min_confidence=0.9)["abstained"]["detail"]


def test_a_chat_says_why_and_where_to_look(declining: Client) -> None:
    declined = ask(declining)
    with openai.OpenAI(base_url=f"{declining.url}/v1", api_key="none", max_retries=0) as chat:
        messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
        said = chat.chat.completions.create(model="library", messages=messages, seed=0)
        chunks = chat.chat.completions.create(model="library", messages=messages, seed=0, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        always = chat.chat.completions.create(
            model="library", messages=messages, seed=0, extra_body={"min_confidence": 0}
        )
    text = said.choices[0].message.content
    assert text == streamed
    assert said.choices[0].finish_reason == "stop"
    reason, empty, heading, *places = text.splitlines()
    assert (reason, empty, heading) == (declined["abstained"]["detail"], "", "The closest places:")
    assert len(places) == min(3, len(declined["citations"]))
    for number, (place, one) in enumerate(zip(places, declined["citations"], strict=False), start=1):
        where = f"The Lamp of Ost, {one['chapter']}, characters {one['start']:,} to {one['end']:,}"
        assert place == f"{number}. {where}: “{' '.join(one['text'].split())}”"
    assert always.model_extra is not None
    assert always.model_extra["bookchorus"]["abstained"] is None
    assert always.choices[0].message.content == always.model_extra["bookchorus"]["answer"]


def test_a_comparison_of_versions_shows_what_both_answer(declining: Client) -> None:
    book = declining.books()[0].id
    body = {"versions": [1, 1], "questions": [QUESTION]}
    with httpx.Client(base_url=declining.url, timeout=60, trust_env=False) as http:
        compared = http.post(f"/admin/books/{book}/compare", json=body).raise_for_status().json()
    [question] = compared["questions"]
    assert all(answer["answer"] for answer in question["answers"])


def test_a_chat_names_the_pages_of_a_place(declining: Client) -> None:
    pages = [
        files.lines("Mira lit the green lamp, and", top=130),
        files.lines("the fishermen steered home by it."),
    ]
    with httpx.Client(base_url=declining.url, timeout=60, trust_env=False) as http:
        book = upload(http, files.pdf(pages), name="lamp.pdf").json()["book"]["id"]
        body = {"model": book, "messages": [{"role": "user", "content": QUESTION}]}
        said = http.post("/v1/chat/completions", json=body).raise_for_status().json()
    [place] = said["choices"][0]["message"]["content"].splitlines()[3:]
    assert place.startswith("1. lamp, pages 1\N{EN DASH}2, characters 0 to")

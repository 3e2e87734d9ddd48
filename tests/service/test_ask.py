import json
import math
from typing import Any

import httpx
import pytest

from tests.service.test_books import upload
from tests.tiny import STORY


@pytest.fixture(scope="module")
def book(client: object, request: pytest.FixtureRequest) -> str:
    with httpx.Client(base_url=request.getfixturevalue("client").url, timeout=60, trust_env=False) as http:
        return str(upload(http, STORY + "asked").json()["book"]["id"])


def weights(answer: dict[str, Any]) -> list[float]:
    """What the candidates weigh, from what is told of them and the powers of that."""
    powers = answer["powers"]
    best = max(each["score"] for each in answer["citations"])
    fits = {each["passage"]: max(0.05, each["score"] / best) for each in answer["citations"]}
    made = [
        fits[each["passage"]] ** powers["retrieval"]
        * max(1e-4, each["answerable"]) ** powers["answerable"]
        * math.exp(each["log_likelihood"]) ** powers["log_likelihood"]
        for vote in answer["votes"]
        for each in vote["candidates"]
    ]
    return [each / sum(made) for each in made]


def test_every_member_votes_and_the_answer_is_cited(http: httpx.Client, book: str) -> None:
    body = {"question": "What did the fishermen call the lamp?", "books": [book], "k": 2, "seed": 1}
    answer = http.post("/ask", json=body).json()
    candidates = [each for vote in answer["votes"] for each in vote["candidates"]]
    assert {(each["member"], each["version"]) for each in candidates} <= {(0, 1), (1, 1)}
    assert len(candidates) >= 1
    assert answer["answer"] == answer["votes"][0]["answer"]
    assert all(0 <= each["answerable"] <= 1 and each["passage"] is not None for each in candidates)
    assert (answer["calibrated"], answer["answerable"], answer["abstained"]) == (False, None, None)
    assert 0 < answer["confidence"] <= 1
    assert sum(vote["share"] for vote in answer["votes"]) == pytest.approx(1)
    assert answer["degraded"] is None
    assert answer["versions"] == [{"book": book, "version": 1, "revision": 1}]
    assert len(answer["citations"]) == 2
    for citation in answer["citations"]:
        assert (STORY + "asked")[citation["start"] : citation["end"]] == citation["text"]
        assert citation["title"] == "The Lamp of Ost"
        span = citation["support"]
        assert span is None or (STORY + "asked")[span["start"] : span["end"]] == span["text"]
    places = [(-one["share"], one["support"] is None, -one["score"]) for one in answer["citations"]]
    assert places == sorted(places)
    read_in = {each["passage"] for each in answer["votes"][0]["candidates"]}
    assert {one["passage"] for one in answer["citations"] if one["share"] > 0} == read_in
    assert sum(one["share"] for one in answer["citations"]) == pytest.approx(answer["votes"][0]["share"])
    # Its weight is what the members know of it, each to its power.
    assert answer["threshold"] is None
    assert weights(answer) == pytest.approx([each["weight"] for each in candidates])
    assert answer["strategy"] == "vote"
    assert answer["timings"]["total"] >= answer["timings"]["generate"] > 0


def test_a_seed_gives_the_same_answer_again_and_another_another(http: httpx.Client, book: str) -> None:
    def votes(seed: int) -> object:
        body = {"question": "Who?", "books": [book], "seed": seed, "temperature": 1.5, "samples": 3}
        # Else what was read for the first ask would not be spared for the second.
        return http.post("/ask", json={**body, "adaptive": False}).json()["votes"]

    assert votes(5) == votes(5)
    assert votes(5) != votes(6)


def test_the_library_is_searched_when_no_book_is_named(http: httpx.Client) -> None:
    tale = "The marmot Grisella kept seven copper kettles in the cellar of the Whitlow mill.\n" * 3
    marmots = upload(http, tale, "marmots.txt").json()["book"]["id"]
    body = {"question": "How many copper kettles did the marmot Grisella keep?"}
    citations = http.post("/ask", json=body).json()["citations"]
    assert {citation["book"] for citation in citations} == {marmots}


def test_a_question_is_limited_to_authors_and_tags(http: httpx.Client) -> None:
    tale = "The heron Ulm counted nine silver bells in the belfry of Ransk.\n"
    by_ida, by_jan, sequel = (
        upload(http, tale * 3 + end, f"{end}.txt", author=author, tags=tags).json()["book"]["id"]
        for end, author, tags in (
            ("One heron.", "Ida Ärm", "birds, first"),
            ("Two herons.", "Jan Ärm", "birds"),
            ("Nine bells of silver counted the heron Ulm.", "Ida Ärm", "sequels"),
        )
    )
    question = "How many silver bells did the heron Ulm count? Nine bells of silver."

    def cited(**scope: list[str]) -> set[str]:
        answer = http.post("/ask", json={"question": question, **scope})
        return {citation["book"] for citation in answer.json()["citations"]}

    assert cited() == {sequel}
    assert cited(authors=["jan ÄRM "]) == {by_jan}
    assert cited(tags=["First"]) == {by_ida}
    assert cited(authors=["Ida Ärm"], tags=["birds"]) == {by_ida}
    assert cited(authors=["Nobody", "Jan Ärm", "Ida Ärm"], tags=["sequels", "none"]) == {sequel}


def test_no_book_fits_what_a_question_is_limited_to(http: httpx.Client, book: str) -> None:
    for scope, words in (
        ({"authors": ["Nobody"]}, "There is no book by 'Nobody'."),
        ({"tags": ["none", "nil"]}, "There is no book with the tag 'none' or 'nil'."),
        ({"authors": ["Nobody"], "tags": ["none"]}, "There is no book by 'Nobody' with the tag 'none'."),
    ):
        for stream in (False, True):
            answer = http.post("/ask", json={"question": "Who?", "stream": stream, **scope})
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-book-fits")
            assert answer.json()["detail"] == words


@pytest.mark.parametrize(
    "wrong",
    [
        {"books": ["book_1"], "authors": ["Ida"]},
        {"books": ["book_1"], "tags": ["birds"]},
        {"authors": []},
        {"tags": []},
        {"tags": [""]},
    ],
)
def test_a_scope_that_cannot_be(http: httpx.Client, wrong: dict[str, object]) -> None:
    answer = http.post("/ask", json={"question": "Who?", **wrong})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert "books" not in wrong or "do not go together" in answer.json()["detail"]


def test_an_ask_may_name_a_version_by_number_or_alias(http: httpx.Client, book: str) -> None:
    for name in (f"{book}@1", f"{book}@champion"):
        answer = http.post("/ask", json={"question": "Who?", "books": [name]})
        assert answer.json()["versions"] == [{"book": book, "version": 1, "revision": 1}]
    for name in (f"{book}@9", f"{book}@nobody", "book_unknown"):
        answer = http.post("/ask", json={"question": "Who?", "books": [name]})
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_an_answer_can_be_followed(http: httpx.Client, book: str) -> None:
    body = {"question": "What did the fishermen call the lamp?", "books": [book], "seed": 1}
    whole = http.post("/ask", json=body).json()
    with http.stream("POST", "/ask", json={**body, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [event.splitlines() for event in answer.read().decode().strip().split("\n\n")]
    names = [name.removeprefix("event: ") for name, _ in events]
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    assert names[0] == "retrieved"
    assert names[1:-1] == ["heard"] * (len(names) - 2)
    assert names[-1] == "answer"
    # Nobody knows yet which of them say the answer.
    assert [each["passage"] for each in data[0]["citations"]] == [
        each["passage"] for each in sorted(whole["citations"], key=lambda each: -each["score"])
    ]
    assert [each["candidates"] for each in data[1:-1]] == list(range(1, len(names) - 1))
    for each in ("answer", "confidence", "votes", "versions"):
        assert data[-1][each] == whole[each]


def test_a_question_that_cannot_be_asked_is_no_stream(http: httpx.Client) -> None:
    answer = http.post("/ask", json={"question": "", "stream": True})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/question-empty")


def test_one_of_the_choices_is_the_answer(http: httpx.Client, book: str) -> None:
    choices = ["the green lamp", "the green lamps", "a frog"]
    body = {"question": "What did Mira keep?", "books": [book], "choices": choices}
    answer = http.post("/ask", json=body).json()
    assert answer["answer"] in choices
    assert sorted(vote["answer"] for vote in answer["votes"]) == sorted(choices)
    assert sum(vote["share"] for vote in answer["votes"]) == pytest.approx(1)
    for vote in answer["votes"]:
        assert {each["member"] for each in vote["candidates"]} == {0, 1}
    turned = http.post("/ask", json={**body, "choices": choices[::-1]}).json()
    assert turned["answer"] == answer["answer"]
    assert turned["confidence"] == pytest.approx(answer["confidence"], abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"choices": ["one"]},
        {"choices": ["one", "one"]},
        {"choices": ["one", ""]},
        {"strategy": "choices"},
        {"strategy": "vote", "choices": ["one", "two"]},
    ],
)
def test_choices_that_leave_no_choice(http: httpx.Client, wrong: dict[str, object]) -> None:
    answer = http.post("/ask", json={"question": "Who?", **wrong})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")

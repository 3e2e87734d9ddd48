"""The official OpenAI client against the service."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from app.client import Client
from tests.service.test_books import upload
from tests.tiny import STORY

OTHER = "The marmot Grisella kept seven copper kettles in the cellar of the Whitlow mill.\n" * 3


@pytest.fixture
def chat(client: Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{client.url}/v1", api_key="none", max_retries=0) as chat:
        yield chat


@pytest.fixture
def book(http: httpx.Client) -> str:
    return str(upload(http, STORY + "chatted about").json()["book"]["id"])


def test_books_are_models_that_are_shown_by_their_titles(
    chat: openai.OpenAI, http: httpx.Client, book: str
) -> None:
    shown = {model.id: model.model_dump()["name"] for model in chat.models.list()}
    title = http.get(f"/books/{book}").json()["title"]
    assert next(iter(shown.items())) == ("library", "All books")
    assert [shown[each] for each in (book, f"{book}@champion", f"{book}@latest")] == [
        title,
        f"{title}@champion",
        f"{title}@latest",
    ]


def test_one_model_is_shown(chat: openai.OpenAI, book: str) -> None:
    listed = {model.id: model for model in chat.models.list()}
    for name in ("library", book, f"{book}@champion"):
        assert chat.models.retrieve(name) == listed[name]
    # Whatever can be asked.
    assert chat.models.retrieve(f"{book}@1").id == f"{book}@1"
    for name in ("nobody", "book_0", f"{book}@nobody", f"{book}@9", f"{book}@", "library@latest", "x/y"):
        with pytest.raises(openai.NotFoundError) as missing:
            chat.models.retrieve(name)
        assert missing.value.type == "invalid_request_error"


def test_a_question_is_completed_and_cited(chat: openai.OpenAI, http: httpx.Client, book: str) -> None:
    said = chat.chat.completions.create(
        model=f"{book}@1",
        messages=[
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Who?"}]},
        ],
        seed=3,
        temperature=0,
    )
    body = {"question": "Who?", "books": [f"{book}@1"], "seed": 3, "temperature": 0}
    asked = http.post("/ask", json=body).json()
    assert said.choices[0].message.content == asked["answer"]
    assert said.choices[0].finish_reason == "stop"
    assert said.usage is not None
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens
    assert said.model_extra is not None
    assert said.model_extra["bookchorus"]["citations"] == asked["citations"]


def test_a_stream_says_the_same(chat: openai.OpenAI, book: str) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Who?"}]
    whole = chat.chat.completions.create(model=book, messages=messages, seed=3, temperature=0)
    chunks = list(
        chat.chat.completions.create(model=book, messages=messages, seed=3, temperature=0, stream=True)
    )
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    )
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_earlier_turns_help_to_find_the_book(chat: openai.OpenAI, http: httpx.Client, book: str) -> None:
    other = upload(http, OTHER, "marmots.txt").json()["book"]["id"]
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "Where did the marmot Grisella live?"},
        {"role": "assistant", "content": "Hm, hm, hm. " * 90 + "Grisella lived in the Whitlow mill."},
        {"role": "user", "content": "What did she keep there?"},
    ]
    said = chat.chat.completions.create(model="library", messages=messages, seed=2**70)
    assert said.model_extra is not None
    assert {each["book"] for each in said.model_extra["bookchorus"]["citations"]} == {other}


def test_the_library_can_be_limited(chat: openai.OpenAI, http: httpx.Client, book: str) -> None:
    tale = "The otter Brune mended grey nets beside the weir of Tamm.\n" * 3
    other = upload(http, tale, "otter.txt", tags="chat").json()["book"]["id"]
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "Who kept the green lamp of Ost?"}
    ]
    scope = {"tags": ["Chat"]}
    said = chat.chat.completions.create(model="library", messages=messages, extra_body=scope)
    assert said.model_extra is not None
    assert {each["book"] for each in said.model_extra["bookchorus"]["citations"]} == {other}
    with pytest.raises(openai.BadRequestError) as one_already:
        chat.chat.completions.create(model=book, messages=messages, extra_body=scope)
    assert one_already.value.code == "invalid-request"
    with pytest.raises(openai.NotFoundError) as none_fits:
        chat.chat.completions.create(model="library", messages=messages, extra_body={"authors": ["Nobody"]})
    assert none_fits.value.code == "no-book-fits"


def test_a_book_is_a_model_by_its_title_too(chat: openai.OpenAI, http: httpx.Client) -> None:
    tale = "The heron Ilvo counted the boats of Marren from a tarred post.\n" * 3
    heron = upload(http, tale, "heron.txt", title="Children's Herons").json()["book"]["id"]
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Who?"}]
    for model in ("Children's Herons", "children's h"):
        said = chat.chat.completions.create(model=model, messages=messages)
        assert said.model_extra is not None
        assert {each["book"] for each in said.model_extra["bookchorus"]["citations"]} == {heron}
    models = "A model is 'library', or a book by its id, as GET /v1/models lists them, or by its title."
    for model, why in (
        ("gpt-4o", "There is no book 'gpt-4o'."),
        (
            "Childrens Herons",
            f"There is no book 'Childrens Herons': did you mean {heron} (Children's Herons)?",
        ),
    ):
        with pytest.raises(openai.NotFoundError) as unknown:
            chat.chat.completions.create(model=model, messages=messages)
        assert unknown.value.code == "not-found"
        assert unknown.value.body["message"] == f"{why} {models}"  # type: ignore[index]


def test_errors_have_the_shape_that_clients_know(chat: openai.OpenAI, book: str) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        chat.chat.completions.create(model="book_unknown", messages=[{"role": "user", "content": "Who?"}])
    assert missing.value.code == "not-found"
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as empty:
            chat.chat.completions.create(
                model=book, messages=[{"role": "user", "content": " "}], stream=stream
            )
        assert (empty.value.code, empty.value.type) == ("question-empty", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as silent:
        chat.chat.completions.create(model=book, messages=[{"role": "system", "content": "Who?"}])
    assert silent.value.code == "question-missing"

import socket
from pathlib import Path

import pytest

from app.client import Client, ClientError
from app.schemas import Retrieved
from tests.app.client.examples import book, events
from tests.app.client.peer import Peer


def test_a_file_is_uploaded_with_what_is_said_of_it(peer: Peer, tmp_path: Path) -> None:
    path = tmp_path / "tiger.md"
    path.write_text("# The Trap\n\nA tiger was caught.\n")
    with Client(peer.url) as client:
        added = client.add(path, title="The Tiger", tags=["animals", "short"], recipe={"budget_seconds": 9})
    assert added.book.id == book().id
    assert added.job is not None
    assert peer.uploads == [
        {
            "filename": "tiger.md",
            "text": "# The Trap\n\nA tiger was caught.\n",
            "title": "The Tiger",
            "tags": "animals,short",
            "recipe": '{"budget_seconds": 9}',
        }
    ]


def test_a_text_is_sent_as_json(peer: Peer) -> None:
    with Client(peer.url) as client:
        client.add("A tiger was caught.", title="The Tiger", author="Jacobs", tags=["animals"])
    assert peer.uploads == [
        {
            "title": "The Tiger",
            "author": "Jacobs",
            "language": None,
            "text": "A tiger was caught.",
            "tags": ["animals"],
            "recipe": None,
        }
    ]


def test_a_text_without_a_title_is_refused_before_it_is_sent(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match="needs a title"):
        client.add("A tiger was caught.")
    assert peer.uploads == []


def test_a_file_that_is_not_there_is_named(peer: Peer, tmp_path: Path) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match=r"lost\.md: No such file"):
        client.add(tmp_path / "lost.md")


def test_a_problem_is_told_in_the_services_words(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError) as caught:
        client.add("  ", title="Nothing")
    assert str(caught.value) == "The book is empty: upload a text."
    assert (caught.value.status, caught.value.type) == (422, "/problems/book-empty")


def test_an_error_that_is_no_problem_json_is_told_by_its_status(peer: Peer) -> None:
    with Client(peer.url + "/elsewhere") as client, pytest.raises(ClientError, match="Not Found"):
        client.ask("Who?")


def test_where_nothing_answers_it_says_how_to_start_the_service() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Client(url) as client, pytest.raises(ClientError, match="bookchorus serve"):
            client.books()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://here", "http://", "http://here:port", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="expected one such as"):
        Client(url)


def test_an_answer_of_another_service_is_not_taken_for_ours() -> None:
    from fastapi import FastAPI

    other = FastAPI()
    other.get("/books")(lambda: {"hello": "world"})
    with Peer().running(other) as peer, Client(peer.url) as client, pytest.raises(ClientError, match="shape"):
        client.books()


def test_all_pages_of_a_list_are_read(peer: Peer) -> None:
    peer.shelf = [book(number) for number in range(5)]
    with Client(peer.url) as client:
        assert client.books() == peer.shelf


def test_what_is_asked_for_arrives(peer: Peer) -> None:
    with Client(peer.url) as client:
        answer = client.ask("Who was caught?", books=["book_1@champion"], k=3, seed=0)
    assert answer.answer == "A tiger."
    (asked,) = peer.asked
    assert asked.model_dump(exclude_defaults=True) == {
        "question": "Who was caught?",
        "books": ["book_1@champion"],
        "k": 3,
        "seed": 0,
    }


def test_the_scope_of_a_question_arrives(peer: Peer) -> None:
    with Client(peer.url) as client:
        client.ask("Who was caught?", authors=["Jacobs"], tags=["animals", "short"])
        with pytest.raises(ClientError, match=r"^books and a scope of authors or tags do not go together"):
            client.ask("Who was caught?", books=["book_1"], authors=["Jacobs"])
    (asked,) = peer.asked
    assert (asked.books, asked.authors, asked.tags) == (None, ["Jacobs"], ["animals", "short"])


def test_an_answer_is_followed_to_its_end(peer: Peer) -> None:
    said: list[tuple[int, str]] = []
    read: list[Retrieved] = []
    with Client(peer.url) as client:
        answer = client.ask(
            "Who?",
            on_retrieved=read.append,
            on_heard=lambda heard: said.append((heard.candidates, heard.answer)),
        )
        assert answer == client.ask("Who?")
        with pytest.raises(ClientError, match="shutting down") as broken:
            client.ask("Break off?", on_heard=lambda _: None)
        with pytest.raises(ClientError, match="broke before"):
            client.ask("Fall silent?", on_heard=lambda _: None)
    assert said == [(1, "A tiger."), (2, "A jackal.")]
    assert [(found.citations, found.versions) for found in read] == [(answer.citations, answer.versions)]
    assert broken.value.status == 503


def test_a_wish_out_of_range_is_refused_before_it_is_sent(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match=r"k: .* greater than or equal to 1"):
        client.ask("Who?", k=0)
    assert peer.asked == []


def test_the_key_opens_the_prompts(peer: Peer) -> None:
    peer.key = "s3cret"
    with Client(peer.url) as client, pytest.raises(ClientError, match="admin key"):
        client.versions()
    with Client(peer.url, "s3cret") as client:
        assert [version.number for version in client.versions()] == [2, 1]
        assert client.versions(book="other") == []


def test_readiness_says_what_the_service_waits_for(peer: Peer) -> None:
    with Client(peer.url) as client:
        assert client.ready().ready
        peer.not_ready = "The LLM is loading."
        readiness = client.ready()
    assert not readiness.ready
    assert readiness.detail == "The LLM is loading."


def test_a_job_is_followed_from_its_first_event_to_its_last(peer: Peer) -> None:
    with Client(peer.url) as client:
        assert list(client.follow("job_1")) == events()
    assert peer.followed_from == [None]


def test_a_stream_that_breaks_is_taken_up_after_its_last_event(peer: Peer) -> None:
    peer.end = "running"
    peer.breaks = [2, -3]
    with Client(peer.url) as client:
        stream = client.follow("job_1")
        told = [next(stream) for _ in range(6)]
    assert told == events("running")[:6]
    assert peer.followed_from == [None, "11", "14"]


def test_a_job_that_ended_as_its_stream_broke_is_told_to_the_end(peer: Peer) -> None:
    peer.breaks = [4]
    with Client(peer.url) as client:
        assert list(client.follow("job_1")) == events()
    assert peer.followed_from == [None, "13"]


def test_an_ended_job_that_has_no_last_event_is_not_waited_for(peer: Peer) -> None:
    peer.breaks = [4, 0]
    with Client(peer.url) as client:
        assert list(client.follow("job_1")) == events()[:4]


def test_a_service_that_stays_away_ends_the_following() -> None:
    with Peer().running() as peer:
        peer.end = "running"
        peer.breaks = [2]
        client = Client(peer.url, attempts=3)
        stream = client.follow("job_1")
        assert next(stream) == events()[0]
    with client, pytest.raises(ClientError, match="bookchorus serve"):
        list(stream)


def test_following_a_job_that_does_not_exist_fails_at_once(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match="no job job_9"):
        list(client.follow("job_9"))

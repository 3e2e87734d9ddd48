import pytest

from app.client import Client, ClientError
from app.schemas import AddQuestion, CorrectQuestion, RemoveQuestion
from tests.app.client.examples import book, question
from tests.app.client.peer import Peer

BOOK = book().id


def test_all_questions_that_fit_are_read(peer: Peer) -> None:
    with Client(peer.url) as client:
        assert client.questions.of(BOOK) == [question(1), question(2), question(3)]
        client.questions.of(BOOK, kind="who", source="person", passage=0, revision=2)
    wishes = [
        {name: each[name] for name in each if name not in ("limit", "after")}
        for each in peer.questions_listed
    ]
    asked = {"kind": "who", "source": "person", "passage": "0", "revision": "2"}
    assert wishes == [{}] * 3 + [asked] * 3
    assert peer.questions_listed[1]["after"] == "question_1"


def test_changes_arrive_as_they_were_wished_for(peer: Peer) -> None:
    with Client(peer.url) as client:
        assert client.questions.add(BOOK, "Who?", "A tiger.", passage=0) == question(4)
        assert client.questions.correct(BOOK, "question_1", answer="A jackal.") == question(4)
        assert client.questions.remove(BOOK, ["question_2", "question_3"]) == ["question_2", "question_3"]
    assert peer.question_changes == [
        AddQuestion(change="add", text="Who?", answer="A tiger.", passage=0),
        CorrectQuestion(change="correct", id="question_1", answer="A jackal."),
        RemoveQuestion(change="remove", id="question_2"),
        RemoveQuestion(change="remove", id="question_3"),
    ]


def test_wishes_that_cannot_be_are_refused_before_they_are_sent(peer: Peer) -> None:
    with Client(peer.url) as client:
        with pytest.raises(ClientError, match="a correction has a text, an answer, or both"):
            client.questions.correct(BOOK, "question_1")
        with pytest.raises(ClientError, match="passage: "):
            client.questions.add(BOOK, "Who?", "A tiger.", passage=-1)
        with pytest.raises(ClientError, match="changes: "):
            client.questions.remove(BOOK, [])
    assert peer.question_changes == []

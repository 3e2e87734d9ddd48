"""The commands about questions, against the peer."""

from app.schemas import AddQuestion, CorrectQuestion, RemoveQuestion
from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer
from tests.app.terminal.rendering import line_with

BOOK = book().id


def test_questions_are_listed_with_answer_place_and_author(peer: Peer) -> None:
    result = bookchorus("questions", BOOK, "--kind", "who", "--source", "llm", "--passage", "2", peer=peer)
    assert result.exit_code == 0
    assert result.stdout.count("Who was [red]caught?") == 3
    assert "A tiger." in line_with(result.stdout, "person")
    for words in ("question_1", "The Trap, page iv"):
        assert words in result.stdout
    asked = peer.questions_listed[0]
    assert (asked["kind"], asked["source"], asked["passage"]) == ("who", "llm", "2")
    assert bookchorus("questions", BOOK, "--source", "me", peer=peer).exit_code == 2


def test_a_question_is_added_corrected_and_removed(peer: Peer) -> None:
    added = bookchorus("question", "add", BOOK, "Who?", "A tiger.", "--passage", "0", peer=peer)
    assert (added.exit_code, added.stdout) == (
        0,
        "question_4 is about passage 4. The next version learns it.\n",
    )
    corrected = bookchorus("question", "correct", BOOK, "question_1", "--answer", "A jackal.", peer=peer)
    assert (corrected.exit_code, corrected.stdout) == (0, "Who was [red]caught? A tiger.\n")
    removed = bookchorus("question", "remove", BOOK, "question_2", "question_3", peer=peer)
    assert (removed.exit_code, removed.stdout) == (0, "Removed question_2, question_3.\n")
    assert peer.question_changes == [
        AddQuestion(change="add", text="Who?", answer="A tiger.", passage=0),
        CorrectQuestion(change="correct", id="question_1", answer="A jackal."),
        RemoveQuestion(change="remove", id="question_2"),
        RemoveQuestion(change="remove", id="question_3"),
    ]


def test_a_change_that_is_refused_is_one_line(peer: Peer) -> None:
    result = bookchorus("question", "remove", BOOK, "question_9", peer=peer)
    assert (result.exit_code, result.stderr) == (
        1,
        f"There is no question question_9 of book {BOOK}.\n",
    )
    result = bookchorus("question", "correct", BOOK, "question_1", peer=peer)
    assert (result.exit_code, result.stderr) == (1, "a correction has a text, an answer, or both\n")

from app.terminal.passages import passage_view
from tests.app.client.examples import passage
from tests.app.terminal.rendering import shown


def test_a_passage_is_whole_with_the_place_where_it_stands() -> None:
    words = " ".join(f"word{number}" for number in range(400))
    verse = f"[red]Once\x1b upon\n\n{words}\na time"
    text = shown(passage_view(passage().model_copy(update={"text": verse})), 80)
    head, author, place, empty, *rest = (line.rstrip() for line in text.splitlines())
    assert (head, author, empty) == ("The Tiger", "Joseph Jacobs", "")
    assert place == "The Trap · pages 1\N{EN DASH}2 · characters 1,044 to 1,098 · id 1"
    assert (rest[:2], rest[-1]) == (["[red]Once upon", ""], "a time")
    assert " ".join(rest[2:-1]) == words


def test_what_is_not_known_of_a_passage_leaves_no_gap() -> None:
    bare = {"author": None, "chapter": "", "first_page": None, "last_page": None}
    text = shown(passage_view(passage().model_copy(update=bare)))
    assert [line.rstrip() for line in text.splitlines()][:3] == [
        "The Tiger",
        "characters 1,044 to 1,098 · id 1",
        "",
    ]

import pytest

from app.terminal.books import books_table
from tests.app.client.examples import book
from tests.app.terminal.rendering import line_with, shown


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_books_are_listed_with_state_aliases_and_id(width: int) -> None:
    ready = book(1, state="ready", title="The Tiger")
    text = shown(books_table([ready, book(2, title="The Jackal")]), width)
    assert "ready" in text
    assert "champion → 1" in text
    assert "queued" in text
    assert ready.id in text
    if width >= 80:
        assert "1,234" in line_with(text, "The Tiger")


def test_books_show_their_tags_where_there_are_any() -> None:
    tagged = book(1, title="The Tiger").model_copy(update={"tags": ["animals", "short\n[red]"]})
    text = shown(books_table([tagged, book(2, title="The Jackal")]))
    assert text.count("tagged") == 1
    assert "tagged animals, short [red]" in text.partition("The Jackal")[0]


def test_an_empty_list_says_how_to_add_a_book() -> None:
    assert "bookchorus add FILE" in shown(books_table([]))

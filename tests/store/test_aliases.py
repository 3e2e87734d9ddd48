from collections.abc import Callable

import pytest

from store import aliases, books, versions
from store.database import Database
from store.errors import InvalidAliasError, NotFoundError
from store.tables import Book, Version


def test_every_move_is_kept(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        publish(session, book_id)
        publish(session, book_id)
        aliases.move(session, book_id, "champion", 1, who="ann", why="2 forgot the ending")
        aliases.move(session, book_id, "champion", 1, who="ann", why="again, which changes nothing")
        aliases.move(session, book_id, "for-children", 2, who="bob")
        aliases.remove(session, book_id, "for-children", who="bob", why="not ready")
    with database.read() as session:
        moves = [
            (move.alias, move.from_number, move.to_number, move.who, move.why)
            for move in aliases.history(session, book_id)
        ]
        assert moves == [
            ("for-children", 2, None, "bob", "not ready"),
            ("for-children", None, 2, "bob", None),
            ("champion", 2, 1, "ann", "2 forgot the ending"),
            ("champion", 1, 2, "test", "version 2 published"),
            ("latest", 1, 2, "test", "version 2 published"),
            ("champion", None, 1, "test", "version 1 published"),
            ("latest", None, 1, "test", "version 1 published"),
        ]
        assert books.get(session, book_id).aliases == {"champion": 1, "latest": 2}


def test_books_and_versions_in_hand_show_the_move(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book = add_book(session, "Text.")
        first = publish(session, book.id)
        second = publish(session, book.id)
        assert (first.aliases, second.aliases) == ([], ["champion", "latest"])
        aliases.move(session, book.id, "champion", 1, who="me")
        aliases.remove(session, book.id, "latest", who="me")
    assert (first.aliases, second.aliases, book.aliases) == (["champion"], [], {"champion": 1})


def test_an_alias_is_of_one_book(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        one, two = add_book(session, "One.").id, add_book(session, "Two.").id
        publish(session, one)
        publish(session, two)
        publish(session, two)
        assert versions.get(session, one, "champion").number == 1
        assert versions.get(session, two, "champion").number == 2


@pytest.mark.parametrize("name", ["a", "best-of-3", "x" * 32])
def test_names(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version], name: str
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        publish(session, book_id)
        assert aliases.move(session, book_id, name, 1, who="me")
        assert not aliases.move(session, book_id, name, 1, who="me")
        assert versions.get(session, book_id, name).number == 1


@pytest.mark.parametrize("name", ["", "12", "1st", "Best", "-a", "a b", "a_b", "é", "x" * 33, "a\n", "../a"])
def test_names_that_are_refused(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version], name: str
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        publish(session, book_id)
        with pytest.raises(InvalidAliasError, match="lower-case"):
            aliases.move(session, book_id, name, 1, who="me")


def test_what_is_not_there(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        publish(session, book_id)
        with pytest.raises(NotFoundError):
            aliases.move(session, book_id, "champion", 2, who="me")
        with pytest.raises(NotFoundError):
            aliases.move(session, "book_none", "champion", 1, who="me")
        with pytest.raises(NotFoundError):
            aliases.remove(session, book_id, "nobody", who="me")
        with pytest.raises(NotFoundError):
            aliases.remove(session, "book_none", "champion", who="me")
        with pytest.raises(NotFoundError):
            aliases.history(session, "book_none")
        assert books.get(session, book_id).aliases == {"champion": 1, "latest": 1}

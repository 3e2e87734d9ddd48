from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from store import books
from store.database import Database
from store.errors import InvalidTagsError
from store.tables import Base, Book


@pytest.fixture
def shelf(database: Database, add_book: Callable[..., Book]) -> dict[str, str]:
    """Four books by title: their ids."""
    told = [
        ("nana", "Émile Zola", ["novel", "Paris"]),
        ("germinal", " emile  zola", ["novel", "mines"]),
        ("streets", "Jörg STRAẞE", ["poem", "paris"]),
        ("found", None, []),
    ]
    with database.write() as session:
        return {
            title: add_book(session, f"This is {title}.", title=title, author=author, tags=tags).id
            for title, author, tags in told
        }


@pytest.mark.parametrize(
    ("authors", "titles"),
    [
        (["ÉMILE ZOLA"], ["nana"]),
        (["  e\u0301mile\tzola\n"], ["nana"]),
        (["Emile Zola"], ["germinal"]),
        (["jörg strasse"], ["streets"]),
        (["Émile Zola", "Emile Zola", "Jörg Straße"], ["nana", "germinal", "streets"]),
        (["Zola"], []),
        (["%"], []),
        ([""], []),
        ([], []),
    ],
    ids=repr,
)
def test_authors_however_they_are_written(
    database: Database, shelf: dict[str, str], authors: list[str], titles: list[str]
) -> None:
    with database.read() as session:
        assert set(books.ids_in_scope(session, authors, None)) == {shelf[title] for title in titles}


def test_tags_are_cleaned(database: Database, add_book: Callable[..., Book]) -> None:
    tags = ["Sea  tales", " NOVEL", "novel", "", " ,", "Ärger, A\u0308RGER,zoo"]
    with database.write() as session:
        added = add_book(session, "Text.", tags=tags)
        assert added.tags == ["novel", "sea tales", "zoo", "ärger"]
    with database.read() as session:
        assert books.get(session, added.id).tags == added.tags


@pytest.mark.parametrize(
    ("tags", "titles"),
    [
        (["PARIS"], ["nana", "streets"]),
        (["mines", "poem"], ["germinal", "streets"]),
        (["mines,poem"], ["germinal", "streets"]),
        (["nov"], []),
        (["", "zoo"], []),
        ([], []),
    ],
    ids=repr,
)
def test_any_of_the_tags(
    database: Database, shelf: dict[str, str], tags: list[str], titles: list[str]
) -> None:
    with database.read() as session:
        assert set(books.ids_in_scope(session, None, tags)) == {shelf[title] for title in titles}


def test_authors_and_tags_narrow_each_other(database: Database, shelf: dict[str, str]) -> None:
    with database.read() as session:
        zola = ["émile zola", "emile zola"]
        assert books.ids_in_scope(session, zola, ["paris", "poem"]) == [shelf["nana"]]
        assert books.ids_in_scope(session, zola, ["poem"]) == []
        assert set(books.ids_in_scope(session, None, None)) == set(shelf.values())


def test_as_many_and_as_long_tags_as_there_may_be(database: Database, add_book: Callable[..., Book]) -> None:
    tags = [f"{number:060}" for number in range(16)]
    with database.write() as session:
        assert add_book(session, "Text.", tags=[*tags, *tags]).tags == tags


@pytest.mark.parametrize(
    ("tags", "words", "limit"),
    [
        ([str(number) for number in range(17)], "at most 16 tags, not 17", 16),
        (["short", "x" * 61], "at most 60 characters: .*'x+' has 61", 60),
        (["ß" * 31], "has 62", 60),
    ],
    ids=["many", "long", "long once folded"],
)
def test_more_than_there_may_be(
    database: Database, add_book: Callable[..., Book], tags: list[str], words: str, limit: int
) -> None:
    with pytest.raises(InvalidTagsError, match=words) as refused, database.write() as session:
        add_book(session, "Text.", tags=tags)
    assert refused.value.limit == limit
    with database.read() as session:
        for table in Base.metadata.sorted_tables:
            assert session.scalar(select(func.count()).select_from(table)) == 0, table.name


def test_pages_of_the_books_that_fit(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        added = [
            add_book(session, f"Book {number}.", author="Ö", tags=["even"] if number % 2 == 0 else []).id
            for number in range(7)
        ]
        add_book(session, "Another.", author="P", tags=["even"])
    with database.read() as session:
        first, more = books.list_books(session, None, 2, authors=["ö"], tags=["Even"])
        assert ([book.id for book in first], more) == ([added[6], added[4]], True)
        second, more = books.list_books(session, added[4], 2, authors=["ö"], tags=["Even"])
        assert ([book.id for book in second], more) == ([added[2], added[0]], False)
        # A page may go on after a book that does not fit.
        third, more = books.list_books(session, added[3], 1, tags=["even"])
        assert ([book.id for book in third], more) == ([added[2]], True)

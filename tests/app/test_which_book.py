"""Which book a name means, and what is said where it means none or several."""

import pytest

from app.which_book import BookNameError, UnknownBookError, book_id, book_version, short_title

ALICE, CHILDREN, CHILD, HEIDI = (f"book_{number:016x}" for number in range(1, 5))
TITLES = {
    ALICE: "Alice's Adventures in Wonderland",
    CHILDREN: "Children's Literature",
    CHILD: "Child of the Sea",
    HEIDI: "Heidi",
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Childrens Literature", CHILDREN),
        ("Alise", ALICE),
        ("alices adventures in wonderland", ALICE),
        ("Hiedi", HEIDI),
        ("Childern", CHILDREN),
    ],
)
def test_a_title_that_is_nearly_that_of_a_book_is_asked_back(name: str, found: str) -> None:
    with pytest.raises(UnknownBookError) as refused:
        book_id(lambda: TITLES, name)
    assert str(refused.value) == (
        f"There is no book {name!r}: did you mean {found} ({short_title(TITLES[found])})?"
    )


@pytest.mark.parametrize("name", ["Moby Dick", "gpt-4o", "", "x" * 100_000])
def test_what_is_like_no_title_is_not_asked_back(name: str) -> None:
    with pytest.raises(UnknownBookError) as refused:
        book_id(lambda: TITLES, name)
    assert str(refused.value) == f"There is no book {name!r}."


def test_the_version_behind_a_name_that_is_nearly_a_title_is_left_out_of_the_question() -> None:
    with pytest.raises(UnknownBookError, match=f"'Hiedi': did you mean {HEIDI}"):
        book_version(lambda: TITLES, "Hiedi@2")


def test_a_beginning_of_several_titles_is_no_unknown_one() -> None:
    with pytest.raises(BookNameError, match="2 books begin with 'child'") as refused:
        book_id(lambda: TITLES, "child")
    assert not isinstance(refused.value, UnknownBookError)


def test_what_has_the_form_of_an_id_is_not_looked_for() -> None:
    def titles() -> dict[str, str]:
        raise AssertionError("the library was listed")

    assert book_version(titles, f"{ALICE.upper()}@latest") == (ALICE, "latest")

"""Which book a name means: an id, a title, or a beginning of one; with @VERSION, which version of it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches

# The titles of all books by their ids. It is called once at most, and not for what has the form of an id.
Titles = Callable[[], Mapping[str, str]]

# An id is known by its form, so that a library need not be listed to find the book.
_ID = re.compile(r"book_[0-9a-f]{16}", re.IGNORECASE)
# So many candidates are named; of more, how many there are.
_NAMED = 5
_TITLE = 40
# How alike a title is that may have been meant, 1 being the same, and how many of these are named.
_ALIKE = 0.75
_MEANT = 3
# What is longer is compared with no title: that takes time by the square of the length.
_COMPARED = 200


class BookNameError(Exception):
    """A name means more than one book, or none; the message says which these are, or may be."""


class UnknownBookError(BookNameError):
    """It means none."""


def book_id(titles: Titles, name: str) -> str:
    """The id of the book that has this id or title or, where none has, whose id or title begins so.

    Upper and lower case are one. Raises BookNameError where no book is meant, or more than one.
    """
    return name.lower() if _ID.fullmatch(name) else _meant(titles(), [(name, None)])[0]


def book_version(titles: Titles, name: str) -> tuple[str, str | None]:
    """The id of the book that `name` names, and the version where it is BOOK@VERSION.

    A title may have an "@" in it: where `name` as a whole is a book's, no version is named. Raises
    BookNameError as `book_id` does.
    """
    book, at, version = name.rpartition("@")
    if not at:
        return book_id(titles, name), None
    if _ID.fullmatch(book):
        return book.lower(), version or None
    return _meant(titles(), [(name, None), (book, version or None)])


def as_named(book: str, version: str | None) -> str:
    """A book and its version as the API names them: BOOK, or BOOK@VERSION."""
    return book if version is None else f"{book}@{version}"


def choice_of(candidates: Sequence[str]) -> str:
    """Candidates in words, such as "a, b or c"; the first few where there are many."""
    if len(candidates) > _NAMED:
        return f"{', '.join(candidates[:_NAMED])} or one of {len(candidates) - _NAMED} more"
    return " or ".join(filter(None, [", ".join(candidates[:-1]), candidates[-1]]))


def short_title(title: str) -> str:
    """A title as one line of printable characters, cut where it is long."""
    flat = " ".join("".join(each if each.isprintable() else " " for each in title).split())
    return flat if len(flat) <= _TITLE else f"{flat[: _TITLE - 1].rstrip()}…"


def _meant(titles: Mapping[str, str], words: Sequence[tuple[str, str | None]]) -> tuple[str, str | None]:
    """The id of the one book that a word is the name of, with what belongs to the word: of the first word
    that is a whole name, else of the first that is a beginning.
    """
    names = {book: (book, title.casefold()) for book, title in titles.items()}
    tests: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
        ("are called", str.__eq__),
        ("begin with", str.startswith),
    )
    for how, fits in tests:
        for word, belonging in words:
            wanted = word.casefold()
            found = [
                book for book, both in names.items() if wanted and any(fits(each, wanted) for each in both)
            ]
            if len(found) > 1:
                choice = choice_of(list(_shown(titles, found)))
                raise BookNameError(f"{len(found)} books {how} {word!r}: say {choice}.")
            if found:
                return found[0], belonging
    word = words[-1][0]
    alike = list(_shown(titles, _alike(titles, word)))
    asked = f": did you mean {choice_of(alike)}?" if alike else "."
    raise UnknownBookError(f"There is no book {word!r}{asked}")


def _alike(titles: Mapping[str, str], word: str) -> list[str]:
    """The ids of the books whose title, or its beginning, is nearly this word, the likest first."""
    wanted = word.casefold()
    if not 0 < len(wanted) <= _COMPARED:
        return []
    spelled: dict[str, list[str]] = {}
    for book, title in titles.items():
        folded = title.casefold()[:_COMPARED]
        for each in {folded, folded[: len(wanted)]}:
            spelled.setdefault(each, []).append(book)
    close = get_close_matches(wanted, spelled, n=_MEANT, cutoff=_ALIKE)
    return list(dict.fromkeys(book for each in close for book in spelled[each]))


def _shown(titles: Mapping[str, str], found: Sequence[str]) -> Iterator[str]:
    return (f"{book} ({short_title(titles[book])})" for book in found)

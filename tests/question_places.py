"""Books of places, each with a name of its own in every sentence, so that questions find it alone."""

from random import Random

from tests.long_book import long_book

_SYLLABLES = ("ba", "ko", "lu", "ri", "ze", "mo", "da", "fi", "gu", "ne", "to", "vi", "sa", "pe", "xo", "ju")


def name_of(book: int, place: int) -> str:
    """A word that no other place has."""
    number, letters = 1 + book * 1009 + place, ""
    while number:
        number, digit = divmod(number, len(_SYLLABLES))
        letters += _SYLLABLES[digit]
    return f"Q{letters}m"


def book_of_places(book: int, places: int, words: int) -> str:
    """The text of a book: a chapter for each place, of at least so many words; Markdown."""
    chapters = []
    for place in range(places):
        name = name_of(book, place)
        text = "\n\n".join(
            part for part in long_book(words, seed=book * 1009 + place).split("\n\n") if part[0] != "#"
        )
        chapters.append(f"# {name}\n\n" + text.replace(".", f" at {name}."))
    return "\n\n".join(chapters)


def question_about(book: int, place: int, draw: Random) -> str:
    """One of many questions about this place, which all read the same passages."""
    return f"Who was at {name_of(book, place)} for {draw.randint(2, 4000)} days?"

"""How lists number their items: figures, letters and Roman numerals."""

from string import ascii_lowercase

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


GREEK = "αβγδεζηθικλμνξοπρστυφχψω"


def letters(number: int, alphabet: str = ascii_lowercase) -> str:
    """Return a number from 1 on in letters: a to z, then aa, ab."""
    found = ""
    while number > 0:
        number, place = divmod(number - 1, len(alphabet))
        found = alphabet[place] + found
    return found


def roman(number: int) -> str:
    """Return a number from 1 to 3,999 in small Roman numerals, and any other in figures."""
    if not 0 < number < 4000:
        return str(number)
    found = ""
    for value, numeral in _ROMAN:
        count, number = divmod(number, value)
        found += numeral * count
    return found

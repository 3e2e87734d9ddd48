"""How lists number their items: figures, letters and Roman numerals."""

from string import ascii_lowercase

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"},
    **{"nine": "ninth", "twelve": "twelfth"},
}
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


def in_words(number: int, *, ordinal: bool) -> str:
    """Return a number from 0 to 99 in English words, such as Two or Second, and any other in figures."""
    if not 0 <= number < 100:
        return ordinal_figures(number) if ordinal else str(number)
    tens, ones = divmod(number, 10) if number >= 20 else (0, number)
    last = _ONES[ones] if ones or not tens else ""
    if ordinal:
        last = _ORDINALS.get(last, f"{last}th") if last else ""
    first = _TENS[tens] if last or not ordinal else f"{_TENS[tens][:-1]}ieth"
    return "-".join(filter(None, [first, last])).capitalize()


def ordinal_figures(number: int) -> str:
    """Return a number from 0 on with the ending that English gives it: 1st, 12th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"

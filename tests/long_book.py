"""A book as long as one wants, of sentences made up here that hardly repeat."""

from random import Random

_WHO = (
    "Mira",
    "the baker",
    "old Tam",
    "a ferryman",
    "the keeper",
    "Ilse",
    "the smith",
    "his sister",
    "Doran",
)
_DID = ("carried", "hid", "mended", "counted", "sold", "forgot", "found", "painted", "weighed", "borrowed")
_KIND = ("brass", "broken", "narrow", "salted", "quiet", "seven-sided", "rusty", "green", "heavy", "frozen")
_WHAT = ("lamp", "rope", "ledger", "bell", "kettle", "oar", "map", "loaf", "mirror", "saddle", "key", "sail")
_WHERE = ("by the mill", "under the pier", "in Ost", "behind the chapel", "at the ford", "on the ninth stair")
_WHEN = ("before dawn", "in the third winter", "after the flood", "at noon", "when the tide turned", "twice")
_WHY = ("because nobody asked", "to please the miller", "for a bet", "against all advice", "without a word")


def long_book(words: int, seed: int = 0) -> str:
    """Chapters of paragraphs, of at least so many words; Markdown."""
    draw = Random(seed)
    parts: list[str] = []
    written = 0
    while written < words:
        if len(parts) % 40 == 0:
            parts.append(f"# Chapter {len(parts) // 40 + 1}")
        sentences = [_sentence(draw) for _ in range(draw.randint(4, 9))]
        parts.append(" ".join(sentences))
        written += sum(len(sentence.split()) for sentence in sentences)
    return "\n\n".join(parts)


def _sentence(draw: Random) -> str:
    who, did, kind, what, where, when, why = map(draw.choice, (_WHO, _DID, _KIND, _WHAT, _WHERE, _WHEN, _WHY))
    number = draw.randint(2, 4000)
    said = draw.choice(
        (
            f"{who} {did} the {kind} {what} {where} {when}, {why}.",
            f"{when}, {who} {did} {number} {kind} {what}s {where}.",
            f"{why}, the {what} of {who} was {did} {where}, and {number} people knew.",
        )
    )
    return said[0].upper() + said[1:]

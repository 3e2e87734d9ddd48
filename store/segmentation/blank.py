"""Text in which there is nothing to see."""

import unicodedata

# Spaces, controls, formats and surrogates. Private letters are seen where a font has them.
_UNSEEN_KINDS = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
# What Unicode's Default_Ignorable_Code_Point has besides: joiners and fillers of Hangul, Khmer and Mongolian,
# variation selectors, and places kept for more of them; and the pattern of Braille without a dot.
_UNSEEN = frozenset(
    map(
        chr,
        [
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xFFF0, 0xFFF9),
            *range(0xE0000, 0xE1000),
        ],
    )
)
_PIECE = 65_536


def is_blank(text: str) -> bool:
    """Return whether a text has no character that can be seen; "" has none."""
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return all(map(_is_unseen, (character for piece in pieces for character in set(piece))))


def _is_unseen(character: str) -> bool:
    return character in _UNSEEN or unicodedata.category(character) in _UNSEEN_KINDS

"""A book's tokens, cut into held-out blocks and into training rows for each member."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# More held-out blocks would cost time and add little precision.
_MOST_BLOCKS = 8


@dataclass(frozen=True)
class TextSplit:
    """A book's tokens: `segments` are trained on, the `heldout` blocks only evaluated on."""

    segments: list[list[int]]
    heldout: list[list[int]]

    @property
    def training_tokens(self) -> int:
        """How many tokens there are to train on."""
        return sum(map(len, self.segments))

    @property
    def text(self) -> list[int]:
        """The tokens to train on, in the order of the book."""
        return [token for segment in self.segments for token in segment]


def split_text(tokens: list[int], row_tokens: int, heldout: float) -> TextSplit:
    """Hold out about a share `heldout` of the tokens, in blocks of at most `row_tokens` spread over the book.

    There are at most eight blocks, and they are at most half of the book. Nothing is held out when the share
    is 0 or the book has fewer than 32 tokens.
    """
    if heldout == 0 or len(tokens) < 32:
        return TextSplit([tokens], [])
    size = min(row_tokens, max(8, len(tokens) // 4))
    blocks = max(1, min(_MOST_BLOCKS, round(heldout * len(tokens) / size)))
    blocks = min(blocks, max(1, len(tokens) // (2 * size)))
    stride = len(tokens) / blocks
    segments, held, end = [], [], 0
    for block in range(blocks):
        start = int(stride * block + (stride - size) / 2)
        segments.append(tokens[end:start])
        held.append(tokens[start : start + size])
        end = start + size
    segments.append(tokens[end:])
    return TextSplit([segment for segment in segments if segment], held)


def training_rows(text: Sequence[int], row_tokens: int, seed: int) -> Iterator[list[int]]:
    """Endless rows of `row_tokens` tokens, or of the whole text if that is shorter.

    Every epoch goes around the text once, from another start and in another order, both decided by `seed`.
    All rows have the same length, since a step weighs a short row as much as a long one.
    """
    order = random.Random(seed)
    length = min(row_tokens, len(text))
    while True:
        phase = order.randrange(len(text))
        circle = [*text, *text, *text][phase : phase + len(text) + length]
        starts = list(range(0, len(text), length))
        order.shuffle(starts)
        yield from (circle[start : start + length] for start in starts)

"""What members read: a book's tokens, cut into held-out blocks and each member's own rows."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# More held-out blocks than these would cost more time than they add precision.
_MOST_BLOCKS = 8


@dataclass(frozen=True)
class TextSplit:
    """A book split for learning: `segments` are trained on, `heldout` blocks only evaluated on."""

    segments: list[list[int]]
    heldout: list[list[int]]

    @property
    def text_tokens(self) -> int:
        """Tokens there are to train on."""
        return sum(map(len, self.segments))

    @property
    def text(self) -> list[int]:
        """All tokens to train on, in book order."""
        return [token for segment in self.segments for token in segment]


def split(tokens: list[int], row_tokens: int, heldout: float) -> TextSplit:
    """Hold out about a share `heldout` of the tokens, as blocks of at most `row_tokens` spread over the book.

    At most eight blocks are held out, at most half of the book, and no block when the share is 0 or the
    book has fewer than 32 tokens.
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


def rows(reading: TextSplit, row_tokens: int, seed: int) -> Iterator[list[int]]:
    """Rows of `row_tokens` tokens (of all there are, if fewer) without end.

    Every epoch goes once around what is trained on, from another place and in another order, both fixed by
    `seed`. Rows are all of one length: a short one would weigh a step as much as a long one.
    """
    order = random.Random(seed)
    text = reading.text
    length = min(row_tokens, len(text))
    while True:
        phase = order.randrange(len(text))
        around = [*text, *text, *text][phase : phase + len(text) + length]
        starts = list(range(0, len(text), length))
        order.shuffle(starts)
        yield from (around[start : start + length] for start in starts)

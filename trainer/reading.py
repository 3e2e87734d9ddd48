"""What members read: a book's tokens, cut into held-out blocks and each member's own rows."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

# More held-out blocks than these would cost more time than they add precision.
_MOST_BLOCKS = 8


@dataclass(frozen=True)
class Reading:
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


def split(tokens: list[int], row_tokens: int, heldout: float) -> Reading:
    """Hold out about a share `heldout` of the tokens, as blocks of at most `row_tokens` spread over the book.

    At most eight blocks are held out, at most half of the book, and no block when the share is 0 or the
    book has fewer than 32 tokens.
    """
    if heldout == 0 or len(tokens) < 32:
        return Reading([tokens], [])
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
    return Reading([segment for segment in segments if segment], held)


def rows(reading: Reading, row_tokens: int, seed: int) -> Iterator[list[int]]:
    """Rows of at most `row_tokens` tokens without end: every epoch covers each segment once, cut at another
    place and in another order, both fixed by `seed`.
    """
    order = random.Random(seed)
    while True:
        epoch = []
        for segment in reading.segments:
            cut = order.randrange(row_tokens)
            bounds = [0, *range(cut, len(segment), row_tokens), len(segment)]
            pieces = [segment[a:b] for a, b in pairwise(bounds) if b > a]
            epoch += pieces
        order.shuffle(epoch)
        yield from epoch

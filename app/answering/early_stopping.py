"""When the members that are left cannot change the answer any more (adaptive consistency, 2305.11860)."""

from collections.abc import Sequence

from app.answering.election import consensus
from app.answering.normalisation import normalised
from app.answering.types import PassageAnswer
from app.answering.weighting import Weighting


def settled(heard: Sequence[PassageAnswer], rest: Sequence[float], weighting: Weighting) -> bool:
    """Whether the answer elected from `heard` stays, whichever one other candidate the rest would support.

    `rest` are the retrieval scores of the passages that are not read yet. Each counts with the most that it
    is expected to weigh. That the rest agree on a new answer which also shares words with several of those
    heard is not considered.
    """
    if not rest:
        return True
    top = max([*(one.retrieval for one in heard), *rest])
    weights = weighting.masses(heard, top)
    texts = [one.text for one in heard]
    worth = [each * sum(weights) for each in consensus(texts, weights)]
    best = max(range(len(texts)), key=worth.__getitem__)
    others = [
        value for text, value in zip(texts, worth, strict=True) if normalised(text) != normalised(texts[best])
    ]
    return worth[best] - max(others, default=0.0) > sum(weighting.most(rest, top))

"""When the voices that are left cannot change the answer any more (adaptive consistency, 2305.11860)."""

from collections.abc import Sequence

from app.answering.readers import Said
from app.answering.voting import normalised
from app.answering.weighting import Weighting, consensus


def settled(heard: Sequence[Said], rest: Sequence[float], weighting: Weighting) -> bool:
    """Whether the answer elected of `heard` stays, whatever other candidate the rest of the voices are for.

    `rest` are the retrieval scores of what they read. Each of them counts with the most that it is taken to
    weigh; that voices agree to something new, with all heard so far in part, is not considered.
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

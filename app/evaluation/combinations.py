"""Many readers' answers made one: their loss, the best with hindsight, and other ways to weigh them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.answering.election import consensus
from app.answering.normalisation import normalised
from app.answering.types import PassageAnswer
from app.answering.weighting import Weighting
from app.datasets.metrics import rouge_l
from app.datasets.questions import LabelledQuestion
from app.engine.records import TextLoss


@dataclass(frozen=True)
class SystemAnswer:
    """One answer of a system, and the mean loss of the reference answer, nats per token."""

    text: str
    nll: float
    confidence: float | None = None


def mixture_loss(losses: Sequence[TextLoss], weights: Sequence[float]) -> float:
    """Loss per token of the weighted mixture of the readers' distributions over answers.

    RAG-Sequence's marginal over passages (2005.11401), with the learned weights in the place of its
    retriever.
    """
    total = sum(weights)
    terms = [
        math.log(max(weight / total, 1e-12)) - loss.loss for weight, loss in zip(weights, losses, strict=True)
    ]
    top = max(terms)
    return -(top + math.log(sum(math.exp(term - top) for term in terms))) / losses[0].tokens


def oracle(
    question: LabelledQuestion, heard: Sequence[PassageAnswer], losses: Sequence[TextLoss]
) -> SystemAnswer:
    """The best of all answers, chosen with hindsight."""
    best = max((one.text for one in heard), key=lambda text: rouge_l(text, question.answers))
    return SystemAnswer(best, min(loss.mean for loss in losses))


def other_ways(
    heard: Sequence[PassageAnswer], losses: Sequence[TextLoss], whole: SystemAnswer, weighting: Weighting
) -> dict[str, SystemAnswer]:
    """The same answers weighted otherwise than the chorus weighs them, and the heaviest alone."""
    texts = [one.text for one in heard]
    likelihoods = [one.answerable * math.exp(one.log_likelihood) for one in heard]
    ways = {
        "vote": [1.0] * len(heard),
        "likelihood": likelihoods,
        "likelihood x retrieval": [
            likelihood * one.retrieval for likelihood, one in zip(likelihoods, heard, strict=True)
        ],
    }
    found = {}
    for way, weights in ways.items():
        chosen = _best(consensus(texts, weights))
        found[f"chorus: {way}"] = SystemAnswer(
            texts[chosen], mixture_loss(losses, weights), weights[chosen] / sum(weights)
        )
    weights = weighting.weights(heard)
    found["chorus: share"] = replace(whole, confidence=_share(whole.text, texts, weights))
    chosen = _best(weights)
    found["chorus: best alone"] = SystemAnswer(texts[chosen], losses[chosen].mean, weights[chosen])
    return found


def _share(answer: str, texts: Sequence[str], weights: Sequence[float]) -> float:
    """The weight of the candidates whose words are the answer's."""
    words = normalised(answer)
    return min(
        1.0, sum(weight for text, weight in zip(texts, weights, strict=True) if normalised(text) == words)
    )


def _best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)

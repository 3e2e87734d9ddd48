"""The vote: candidates that say the same thing are one cluster, and the heaviest cluster is the answer."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.schemas import Candidate, Vote

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def weight(log_likelihood: float) -> float:
    """What a candidate adds to its vote: its likelihood, length-normalised (exp of the mean per token)."""
    return math.exp(log_likelihood)


def vote(candidates: Sequence[Candidate], embed: Embed, *, similarity: float = 0.8) -> list[Vote]:
    """Cluster candidates into votes, heaviest first; the candidates' order does not matter.

    A vote's answer is the words of its heaviest candidate, its share that of all weight.

    Two candidates say the same when their normalised texts are equal or the cosine of their embeddings is
    at least `similarity`; a chain of such pairs is one cluster. Candidates without a word do not vote.
    """
    spoken = [candidate for candidate in candidates if normalised(candidate.text)]
    if not spoken:
        return []
    texts = sorted({normalised(candidate.text) for candidate in spoken})
    label = dict(zip(texts, _components(embed(texts), similarity), strict=True))
    groups: dict[int, list[Candidate]] = {}
    for candidate in spoken:
        groups.setdefault(label[normalised(candidate.text)], []).append(candidate)
    total = math.fsum(candidate.weight for candidate in spoken)
    votes = []
    for group in groups.values():
        ranked = sorted(group, key=_rank)
        share = math.fsum(candidate.weight for candidate in ranked) / total
        votes.append(Vote(answer=ranked[0].text, share=share, candidates=ranked))
    return sorted(votes, key=lambda ballot: (-ballot.share, _rank(ballot.candidates[0])))


def chosen(candidates: Sequence[Candidate]) -> list[Vote]:
    """A vote for every text that was to choose from, heaviest first; texts are not compared by meaning."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.text, []).append(candidate)
    total = math.fsum(candidate.weight for candidate in candidates)
    votes = [
        Vote(
            answer=text,
            share=math.fsum(candidate.weight for candidate in group) / total,
            candidates=sorted(group, key=_rank),
        )
        for text, group in groups.items()
    ]
    return sorted(votes, key=lambda ballot: (-ballot.share, ballot.answer))


def normalised(text: str) -> str:
    """Lower case, without punctuation, English articles or doubled spaces (as SQuAD compares answers).

    An answer of nothing but punctuation or articles is no answer: the empty string.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[^\w\s]|_", " ", plain).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})


def _rank(candidate: Candidate) -> tuple[float, str, str, int, int, int]:
    return (
        -candidate.weight,
        candidate.text,
        candidate.book,
        candidate.version or 0,
        candidate.member or 0,
        candidate.sample,
    )


def _components(vectors: NDArray[np.float32], similarity: float) -> list[int]:
    """Number the connected components of the graph whose edges join rows at least `similarity` alike."""
    alike = vectors @ vectors.T >= similarity
    labels = [-1] * len(vectors)
    for start in range(len(vectors)):
        if labels[start] >= 0:
            continue
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if labels[node] < 0:
                labels[node] = start
                waiting += [int(other) for other in np.flatnonzero(alike[node])]
    return labels

"""The vote: candidates that say the same thing are one cluster, and share its weight."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.answering.normalisation import normalised
from app.answering.types import Candidate, Vote

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


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


def vote_on_choices(candidates: Sequence[Candidate]) -> list[Vote]:
    """A vote for every choice, heaviest first; texts are not compared by meaning."""
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


def _rank(candidate: Candidate) -> tuple[float, str, str, int, int, int]:
    return (
        -candidate.weight,
        candidate.text,
        candidate.member.book,
        candidate.member.version or 0,
        candidate.member.member or 0,
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

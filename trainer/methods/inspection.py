"""Figures about members: the tokens nearest to their virtual tokens, norms, similarity, distance moved."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainer.llm.frozen_llm import FrozenLLM

# Tokens of the vocabulary compared at one time: 4,096 with 800 virtual tokens are 13 MB of cosines.
_CHUNK = 4096


@torch.no_grad()
def nearest_tokens(llm: FrozenLLM, prompts: Tensor) -> tuple[Tensor, Tensor]:
    """The token of the vocabulary nearest to each virtual token, and the cosine between the two.

    `prompts` [members, virtual tokens, hidden] -> ids int64 and cosines float32, both [members, virtual
    tokens], on the CPU.
    """
    virtual = normalize(prompts.to(llm.device).float().flatten(0, 1), dim=-1)
    best = torch.full((len(virtual),), -torch.inf, device=virtual.device)
    ids = torch.zeros(len(virtual), dtype=torch.long, device=virtual.device)
    for start in range(0, len(llm.vocabulary), _CHUNK):
        tokens = normalize(llm.vocabulary[start : start + _CHUNK].float(), dim=-1)
        cosine, place = (virtual @ tokens.T).max(dim=-1)
        better = cosine > best
        best = torch.where(better, cosine, best)
        ids = torch.where(better, place + start, ids)
    shape = prompts.shape[:2]
    return ids.view(shape).cpu(), best.view(shape).cpu()


@torch.no_grad()
def vocabulary_norm(llm: FrozenLLM) -> float:
    """Mean norm of the input embeddings in the LLM's vocabulary."""
    norms = [tokens.float().norm(dim=-1) for tokens in llm.vocabulary.split(_CHUNK)]
    return float(torch.cat(norms).mean())


def similarity(vectors: Tensor) -> Tensor:
    """Mean cosine over the positions, for each pair of members: [members, members], 1 on the diagonal.

    `vectors` are [members, positions, numbers].
    """
    unit = normalize(vectors.float(), dim=-1)
    cosines: Tensor = torch.einsum("avh,bvh->ab", unit, unit)
    return cosines / vectors.shape[1]


def distance_moved(vectors: Tensor, starts: Tensor) -> Tensor:
    """Mean distance of each member's positions from where they started: [members].

    Both are [members, positions, numbers].
    """
    distances: Tensor = (vectors.float() - starts.float()).norm(dim=-1)
    return distances.mean(dim=-1)

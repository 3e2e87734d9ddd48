"""What members are like: the words next to their virtual tokens, norms, one beside another."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainer.llm.frozen_llm import FrozenLLM

# Words of the vocabulary compared at one time: 4,096 beside 800 virtual tokens are 13 MB of cosines.
_CHUNK = 4096


@torch.no_grad()
def nearest(llm: FrozenLLM, prompts: Tensor) -> tuple[Tensor, Tensor]:
    """The vocabulary's token nearest to each virtual token, and the cosine between the two.

    prompts [members, virtual tokens, hidden] -> ids int64 and cosines float32, both [members, virtual
    tokens].
    """
    wanted = normalize(prompts.to(llm.device).float().flatten(0, 1), dim=-1)
    best = torch.full((len(wanted),), -torch.inf, device=wanted.device)
    ids = torch.zeros(len(wanted), dtype=torch.long, device=wanted.device)
    for start in range(0, len(llm.vocabulary), _CHUNK):
        words = normalize(llm.vocabulary[start : start + _CHUNK].float(), dim=-1)
        cosine, place = (wanted @ words.T).max(dim=-1)
        better = cosine > best
        best = torch.where(better, cosine, best)
        ids = torch.where(better, place + start, ids)
    shape = prompts.shape[:2]
    return ids.view(shape).cpu(), best.view(shape).cpu()


@torch.no_grad()
def vocabulary_norm(llm: FrozenLLM) -> float:
    """Mean norm of the LLM's own embeddings."""
    norms = [words.float().norm(dim=-1) for words in llm.vocabulary.split(_CHUNK)]
    return float(torch.cat(norms).mean())


def similarity(rows: Tensor) -> Tensor:
    """Mean cosine of each two members, position by position: [members, positions, numbers] -> [members,
    members], 1 on its diagonal.
    """
    unit = normalize(rows.float(), dim=-1)
    cosines: Tensor = torch.einsum("avh,bvh->ab", unit, unit)
    return cosines / rows.shape[1]


def moved(rows: Tensor, starts: Tensor) -> Tensor:
    """How far the positions of each member are from where they started, their mean distance: [members].

    Both are [members, positions, numbers].
    """
    away: Tensor = (rows.float() - starts.float()).norm(dim=-1)
    return away.mean(dim=-1)

"""Soft prompts: where they start, how far one step moves them, and how one is kept as bytes."""

import random
from collections.abc import Sequence

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trainer.frozen import FrozenLLM
from trainer.recipe import Recipe

# PEFT's name for the tensor of a prompt-tuning adapter, so that its files hold what PEFT expects.
KEY = "prompt_embeddings"


class PromptFormatError(ValueError):
    """The bytes are no soft prompt, or one that does not fit the LLM."""


def initial(llm: FrozenLLM, text: Sequence[int], recipe: Recipe, starts: Tensor | None = None) -> Tensor:
    """Starting soft prompts [members, virtual tokens, hidden], float32, on the LLM's device.

    "text" gives member i the embeddings of its own stretch of the book (Lester 2021, 2104.08691, section
    3.2, starts from vocabulary: a stretch of text did better in Cartridges, 2506.06266); "learned" gives it
    one of `starts` [any number, virtual tokens, hidden], from the first again when there are fewer. Raises
    ValueError when starts are asked for that are not there.
    """
    if recipe.initialisation == "learned":
        if starts is None:
            raise ValueError("there are no learned prompts to start from")
        return starts[torch.arange(recipe.members) % len(starts)].to(llm.device, torch.float32)
    if recipe.initialisation == "blank":
        return blank(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
    members = []
    for member in range(recipe.members):
        choose = random.Random(recipe.seed + member)
        if recipe.initialisation in ("auto", "text") and text:
            share = max(1, len(text) // recipe.members)
            start = member * share + choose.randrange(share)
            tokens = [text[(start + offset) % len(text)] for offset in range(recipe.virtual_tokens)]
        else:
            vocabulary = llm.head.shape[0]
            tokens = [choose.randrange(vocabulary) for _ in range(recipe.virtual_tokens)]
        members.append(llm.embed(torch.tensor(tokens)).float())
    return torch.stack(members)


def blank(llm: FrozenLLM, members: int, virtual_tokens: int, seed: int) -> Tensor:
    """Soft prompts [members, virtual tokens, hidden] of line ends, with a tenth of noise: members differ.

    In front of a passage they say nothing, where a stretch of the book is one more passage to answer from.
    To an LLM without line ends (T5's tokens are words alone) they are what stands before a full stop.
    """
    line_end = llm.embed(torch.tensor((llm.encode("\n") or llm.encode("."))[:1])).float()
    noise = [
        torch.randn(
            (virtual_tokens, llm.identity.hidden_size), generator=torch.Generator().manual_seed(seed + member)
        )
        for member in range(members)
    ]
    return line_end + 0.1 * line_end.std() * torch.stack(noise).to(line_end.device)


def freeze(prompts: Tensor, count: int) -> None:
    """Leave each member's first `count` virtual tokens without a gradient."""
    assert prompts.grad is not None
    prompts.grad[:, :count] = 0


def clip(prompts: Tensor, most: float) -> None:
    """Scale down each member's gradient whose norm is above `most`, each by its own norm."""
    assert prompts.grad is not None
    norms = prompts.grad.flatten(1).norm(dim=1)
    prompts.grad *= (most / norms.clamp(min=1e-12)).clamp(max=1.0)[:, None, None]


def to_bytes(prompt: Tensor) -> bytes:
    """One soft prompt [virtual tokens, hidden] as safetensors bytes, float32."""
    return bytes(safetensors.torch.save({KEY: prompt.detach().float().cpu().contiguous()}))


def from_bytes(data: bytes, hidden_size: int) -> Tensor:
    """The soft prompt [virtual tokens, hidden_size] kept in `data`, float32 on the CPU.

    Raises PromptFormatError for other bytes, another hidden size, or numbers that are not finite.
    """
    try:
        prompt: Tensor = safetensors.torch.load(data)[KEY]
    except (safetensors.SafetensorError, KeyError) as error:
        raise PromptFormatError(f"not a soft prompt in safetensors format: {error}") from error
    if prompt.ndim != 2 or prompt.shape[1] != hidden_size:
        raise PromptFormatError(f"expected [virtual tokens, {hidden_size}], got {list(prompt.shape)}")
    prompt = prompt.float()  # some of the narrow types cannot be asked
    if not bool(torch.isfinite(prompt).all()):
        raise PromptFormatError("the soft prompt holds numbers that are not finite")
    return prompt

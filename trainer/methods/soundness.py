"""Whether members leave an LLM able to compute."""

import math

import torch

from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.scoring import mean_losses
from trainer.methods.members import Members

_TEXT = "Once upon a time there was a book, and somebody read it to the end."


@torch.no_grad()
def unsound(llm: FrozenLLM, members: Members) -> list[int]:
    """The numbers of the members with which the LLM, in its dtype, finds no finite loss for a plain text."""
    on_device, numbers = members.detached(llm.device), range(len(members))
    before = on_device.condition(llm, numbers, [None] * len(members))
    losses = mean_losses(llm, before.prompts, [llm.encode(_TEXT)] * len(members), before.contexts)
    return [number for number, loss in enumerate(losses) if not math.isfinite(loss)]

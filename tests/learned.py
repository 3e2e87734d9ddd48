"""What was learned, as the tensor that many tests look at."""

import torch

from trainer.methods.members import Members
from trainer.methods.prompt import Prompts


def embeddings(members: Members) -> torch.Tensor:
    """The soft prompts [members, virtual tokens, hidden] of members that are such."""
    assert isinstance(members, Prompts)
    return members.embeddings

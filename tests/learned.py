"""What was learned, as the tensor and the losses that many tests look at."""

from collections.abc import Iterable

import torch

from trainer.methods.members import Members
from trainer.methods.prompt import Prompts
from trainer.progress import Evaluated, Learned
from trainer.skill.optimisation import SkillLoss


def embeddings(members: Members) -> torch.Tensor:
    """The soft prompts [members, virtual tokens, hidden] of members that are such."""
    assert isinstance(members, Prompts)
    return members.embeddings


def losses(evaluated: Evaluated) -> list[float]:
    """The held-out losses of members, where something was held out."""
    known = [loss for loss in evaluated.member_losses if loss is not None]
    assert len(known) == len(evaluated.member_losses)
    return known


def losses_before_and_after(learned: Learned) -> list[tuple[float, float]]:
    """For each member, its held-out loss before it was trained and after."""
    return list(zip(losses(learned.before), losses(learned.after), strict=True))


def answer_losses(happened: Iterable[object]) -> list[float]:
    """The held-out losses of answers in the course of a skill's training."""
    return [each.answer_loss for each in happened if isinstance(each, SkillLoss) and each.answer_loss]

from collections.abc import Generator
from typing import TypeVar

import pytest
import torch

from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.methods.prompt import Prompts
from trainer.objectives.lm import LanguageModelling
from trainer.recipe import Recipe

T = TypeVar("T")
RECIPE = Recipe(members=2, virtual_tokens=4, row_tokens=16, heldout=0.3)


def finish(steps: Generator[Pause, None, T]) -> tuple[int, T]:
    """How often it paused, and its result."""
    pauses = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return pauses, end.value
        pauses += 1


def test_held_out_text_is_evaluated_in_passes_that_fit(llm: FrozenLLM) -> None:
    # Passes of one token's room take one block each, whatever is evaluated.
    small, large = (
        LanguageModelling(llm, STORY, RECIPE, microbatches=Microbatches(llm.device, tokens))
        for tokens in (1, 100_000)
    )
    pauses, bare = finish(small.bare_loss())
    assert pauses > 2
    passes, same = finish(large.bare_loss())
    assert passes == 1
    assert same == pytest.approx(bare, rel=1e-5)
    members = Prompts(torch.randn(2, 4, 32, generator=torch.Generator().manual_seed(0)))
    again, losses = finish(small.heldout_losses(members))
    assert again == 2 * pauses
    passes, alike = finish(large.heldout_losses(members))
    assert passes == 1
    assert alike == pytest.approx(losses, rel=1e-5)


def test_nothing_held_out_has_no_loss(llm: FrozenLLM) -> None:
    nothing = LanguageModelling(llm, STORY, RECIPE.model_copy(update={"heldout": 0.0}))
    assert finish(nothing.bare_loss()) == (0, None)
    assert finish(nothing.heldout_losses(Prompts(torch.zeros(2, 4, 32)))) == (0, [None, None])

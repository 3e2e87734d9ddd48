"""Functions that depend on the method: initial members, members' contexts, a member from its bytes."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from trainer.llm.context import Context, context_per_row
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.lora import initial_loras, lora_from_bytes
from trainer.methods.members import Members
from trainer.methods.prefix import prefix_from_bytes, prefixes_from_prompts, require_causal
from trainer.methods.prompt import Prompts, initial_prompts, prompt_from_bytes
from trainer.options import Method, Placement
from trainer.recipe import Recipe


def initial_members(
    llm: FrozenLLM,
    text: Sequence[int],
    recipe: Recipe,
    context: Context | None = None,
    starts: Tensor | None = None,
) -> Members:
    """The members of a recipe before the first step, float32, on the LLM's device.

    Soft prompts are those of `initial_prompts` (see there for `text` and `starts`); prefixes are the keys and
    values of such prompts, read after `context`; LoRA deltas change nothing yet. Raises ValueError for starts
    that are asked for but not given, and where an LLM that keeps no keys and values is to have a prefix, or
    members behind what it has read.
    """
    if recipe.placement == "behind":
        require_causal(llm)
    return replace(_initial(llm, text, recipe, context, starts), placement=recipe.placement)


def _initial(
    llm: FrozenLLM, text: Sequence[int], recipe: Recipe, context: Context | None, starts: Tensor | None
) -> Members:
    if recipe.method == "lora":
        return initial_loras(llm, recipe.members, recipe.rank, recipe.seed)
    embeddings = initial_prompts(llm, text, recipe, starts)
    if recipe.method == "prefix":
        return prefixes_from_prompts(llm, embeddings, context)
    return Prompts(embeddings)


def member_contexts(
    llm: FrozenLLM, members: Sequence[Members], after: Sequence[Context | None] | Context | None
) -> list[Context]:
    """The context of each single member; soft prompts are read in one batch.

    `after` is what all members are read after, or one context for each. The members can be of different
    methods.
    """
    both = list(zip(members, context_per_row(after, len(members)), strict=True))
    prompted = [(one.embeddings[0], context) for one, context in both if isinstance(one, Prompts)]
    read = iter(
        prefill(
            llm,
            [[]] * len(prompted),
            [context for _, context in prompted],
            [prompt for prompt, _ in prompted],
        )
    )
    return [
        next(read) if isinstance(one, Prompts) else one.contexts(llm, context)[0] for one, context in both
    ]


def member_from_bytes(method: Method, data: bytes, llm: FrozenLLM, placement: Placement = "front") -> Members:
    """One member of a method from its bytes, float32 on the CPU.

    Raises FormatError for other bytes, for a member that does not fit the LLM, and for numbers that are not
    finite.
    """
    return replace(_from_bytes(method, data, llm), placement=placement)


def _from_bytes(method: Method, data: bytes, llm: FrozenLLM) -> Members:
    if method == "lora":
        return lora_from_bytes(llm, data)
    if method == "prefix":
        return prefix_from_bytes(llm, data)
    return Prompts(prompt_from_bytes(data, llm.identity.hidden_size)[None])

"""Functions that depend on the method: initial members, members' contexts, a member from its bytes."""

from collections.abc import Sequence

from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.lora import initial_loras, lora_from_bytes
from trainer.methods.members import Members
from trainer.methods.prefix import prefix_from_bytes, prefixes_from_prompts
from trainer.methods.prompt import Prompts, initial_prompts, prompt_from_bytes
from trainer.options import Method
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
    that are asked for but not given, and for a prefix of an LLM that keeps no keys and values.
    """
    if recipe.method == "lora":
        return initial_loras(llm, recipe.members, recipe.rank, recipe.seed)
    embeddings = initial_prompts(llm, text, recipe, starts)
    if recipe.method == "prefix":
        return prefixes_from_prompts(llm, embeddings, context)
    return Prompts(embeddings)


def member_contexts(llm: FrozenLLM, members: Sequence[Members], context: Context | None) -> list[Context]:
    """The context of each single member, read after `context`; soft prompts are read in one batch.

    The members can be of different methods.
    """
    prompted = [one for one in members if isinstance(one, Prompts)]
    read = iter(prefill(llm, [[]] * len(prompted), context, [one.embeddings[0] for one in prompted]))
    return [next(read) if isinstance(one, Prompts) else one.contexts(llm, context)[0] for one in members]


def member_from_bytes(method: Method, data: bytes, llm: FrozenLLM) -> Members:
    """One member of a method from its bytes, float32 on the CPU.

    Raises FormatError for other bytes, for a member that does not fit the LLM, and for numbers that are not
    finite.
    """
    if method == "lora":
        return lora_from_bytes(llm, data)
    if method == "prefix":
        return prefix_from_bytes(llm, data)
    return Prompts(prompt_from_bytes(data, llm.identity.hidden_size)[None])

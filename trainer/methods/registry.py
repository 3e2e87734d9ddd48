"""The methods that members learn by: where they start, and how one comes back from its bytes."""

from collections.abc import Sequence

from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods import lora, prefix, prompt
from trainer.methods.members import Members, Method
from trainer.methods.prompt import Prompts, initial
from trainer.recipe import Recipe


def start(
    llm: FrozenLLM,
    text: Sequence[int],
    recipe: Recipe,
    context: Context | None = None,
    starts: Tensor | None = None,
) -> Members:
    """The members of a recipe before they have learned anything, float32, on the LLM's device.

    Soft prompts start as `initial` says, prefixes from the keys and values of those `behind` a context, LoRA
    from no change at all. Raises ValueError for starts that are not there, and a prefix of an LLM that keeps
    no keys and values.
    """
    if recipe.method == "lora":
        return lora.start(llm, recipe.members, recipe.rank, recipe.seed)
    embeddings = initial(llm, text, recipe, starts)
    if recipe.method == "prefix":
        return prefix.of_prompts(llm, embeddings, context)
    return Prompts(embeddings)


def contexts(llm: FrozenLLM, members: Sequence[Members], context: Context | None) -> list[Context]:
    """What `llm` keeps of each, single members of whatever methods; soft prompts are read in one batch."""
    prompted = [one for one in members if isinstance(one, Prompts)]
    known = iter(prefill(llm, [[]] * len(prompted), context, [one.embeddings[0] for one in prompted]))
    return [next(known) if isinstance(one, Prompts) else one.contexts(llm, context)[0] for one in members]


def from_bytes(method: Method, data: bytes, llm: FrozenLLM) -> Members:
    """One member of a method from its bytes, float32 on the CPU.

    Raises FormatError for other bytes, for what does not fit the LLM, and for numbers that are not finite.
    """
    if method == "lora":
        return lora.from_bytes(llm, data)
    if method == "prefix":
        return prefix.from_bytes(llm, data)
    return Prompts(prompt.from_bytes(data, llm.identity.hidden_size)[None])

"""Soft prompts as PEFT's adapters: folders that `PeftModel.from_pretrained` loads, and those that PEFT wrote.

A prompt-tuning adapter is a soft prompt alone. One that was learned behind a skill prompt needs both: their
keys and values are a prefix-tuning adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trainer.context import Context, read
from trainer.frozen import FrozenLLM, Identity
from trainer.prompts import KEY, PromptFormatError, from_bytes

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# PEFT's other format: it can hold a program, so nothing here ever reads one.
PICKLE = "adapter_model.bin"


@dataclass(frozen=True)
class Adapter:
    """A PEFT adapter: what its adapter_config.json says, and the bytes of its adapter_model.safetensors."""

    config: Mapping[str, Any]
    weights: bytes


def prompt_adapter(artifact: bytes, identity: Identity) -> Adapter:
    """The prompt-tuning adapter of a soft prompt's bytes, which it holds unchanged, for the LLM `identity`.

    Raises what `from_bytes` raises.
    """
    prompt = from_bytes(artifact, identity.hidden_size)
    shape = {
        "num_virtual_tokens": len(prompt),
        "token_dim": identity.hidden_size,
        "num_transformer_submodules": 1,
        # How it started does not matter any more: PEFT loads these numbers over whatever it begins with.
        "prompt_tuning_init": "RANDOM",
    }
    return Adapter(_config("PROMPT_TUNING", identity) | shape, artifact)


def prefix_adapter(llm: FrozenLLM, skill: Context, prompt: Tensor) -> Adapter:
    """The prefix-tuning adapter of a soft prompt [virtual tokens, hidden] behind a skill prompt.

    It holds the keys and values of both, in the LLM's dtype: to a text behind it, PEFT gives the positions
    that the text has behind [skill][member] here.
    """
    [member] = read(llm, [[]], skill, [prompt.to(llm.device)])
    keys, values = (
        torch.cat([getattr(part, name) for part in member.chain()], dim=2) for name in ("keys", "values")
    )
    layers, heads, positions, size = keys.shape
    # PEFT's order: a row for each position, in it each layer's keys, then its values, head by head.
    rows = torch.stack([keys, values], dim=1).permute(3, 0, 1, 2, 4).reshape(positions, -1)
    shape = {
        "num_virtual_tokens": positions,
        "token_dim": heads * size,
        "num_transformer_submodules": 1,
        "num_attention_heads": heads,
        "num_layers": layers,
        "encoder_hidden_size": heads * size,
        "prefix_projection": False,
    }
    weights = safetensors.torch.save({KEY: rows.cpu().contiguous()})
    return Adapter(_config("PREFIX_TUNING", llm.identity) | shape, bytes(weights))


def prompt_of(adapter: Adapter, identity: Identity) -> Tensor:
    """The soft prompt [virtual tokens, hidden] of a prompt-tuning adapter, float32, whoever trained it.

    Raises PromptFormatError for another kind of adapter, one of another size than the LLM `identity`, and one
    that holds more than a soft prompt or numbers that are not finite.
    """
    kind, task = adapter.config.get("peft_type"), adapter.config.get("task_type")
    if kind != "PROMPT_TUNING":
        raise PromptFormatError(f"expected an adapter of the type PROMPT_TUNING, got {kind}")
    if task not in (None, "CAUSAL_LM"):
        raise PromptFormatError(f"expected an adapter for the task CAUSAL_LM, got {task}")
    hidden_size = adapter.config.get("token_dim")
    if hidden_size not in (None, identity.hidden_size):
        raise PromptFormatError(f"its token_dim is {hidden_size}: the LLM's is {identity.hidden_size}")
    try:
        names = set(safetensors.torch.load(adapter.weights))
    except safetensors.SafetensorError as error:
        raise PromptFormatError(f"not a soft prompt in safetensors format: {error}") from error
    if names > {KEY}:
        raise PromptFormatError(f"it holds more than a soft prompt: {', '.join(sorted(names - {KEY}))}")
    prompt = from_bytes(adapter.weights, identity.hidden_size)
    told = adapter.config.get("num_virtual_tokens")
    if len(prompt) == 0 or told not in (None, len(prompt)):
        raise PromptFormatError(f"its num_virtual_tokens is {told}: its soft prompt has {len(prompt)}")
    return prompt


def _config(kind: str, identity: Identity) -> dict[str, Any]:
    """What all configurations say; PEFT fills in the rest."""
    return {
        "peft_type": kind,
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": identity.id,
        "revision": identity.revision,
        "inference_mode": True,
    }

"""Members to and from PEFT's adapters, the folders that `PeftModel.from_pretrained` loads.

A member's bytes are already PEFT's weights. A member that was trained after a skill needs both; what
the LLM keeps of the two together is also an adapter, and two LoRAs together are one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context, contexts_of_kind
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.lora_deltas import LORA_SCALE
from trainer.llm.seq2seq import Embeddings, Seq2SeqLLM
from trainer.methods.lora import joined_loras, lora_from_tensors, lora_parts, lora_rank
from trainer.methods.members import Members
from trainer.methods.peft_settings import check_settings
from trainer.methods.prefix import ATTENTION_SINKS, flatten_prefix, prefix_from_bytes
from trainer.methods.prompt import PROMPT_EMBEDDINGS, Prompts, prompt_from_bytes, virtual_tokens_from_bytes
from trainer.methods.tensors import FormatError, tensors_from_bytes, tensors_to_bytes
from trainer.options import Method

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# PEFT's other format, a pickle, which can hold a program: nothing here ever reads one.
PICKLE = "adapter_model.bin"
_MOST = torch.finfo(torch.float16).max
_METHODS: Mapping[object, Method] = {
    "PROMPT_TUNING": "prompt",
    "PREFIX_TUNING": "prefix",
    "CARTRIDGE": "prefix",
    "LORA": "lora",
}


@dataclass(frozen=True)
class Adapter:
    """A PEFT adapter: what its adapter_config.json says, and the bytes of its adapter_model.safetensors."""

    config: Mapping[str, Any]
    weights: bytes


def member_adapter(method: Method, artifact: bytes, identity: Identity, llm: FrozenLLM | None) -> Adapter:
    """The adapter with a member's bytes, unchanged, as its weights, for the LLM `identity`.

    `llm` is that LLM, if it is loaded; else a causal one is assumed. Raises FormatError for other bytes.
    """
    shape: dict[str, Any]
    if method == "lora":
        shape = _lora_shape(tensors_from_bytes(artifact))
        return Adapter(_config("LORA", identity, llm) | shape, artifact)
    if method == "prefix":
        shape = {
            "num_virtual_tokens": len(virtual_tokens_from_bytes(artifact)),
            "num_frozen_tokens": ATTENTION_SINKS,
        }
        if isinstance(llm, CausalLLM):
            shape |= _cache_shape(*llm.cache_shape)
        return Adapter(_config("CARTRIDGE", identity, llm) | shape, artifact)
    prompt = prompt_from_bytes(artifact, identity.hidden_size)
    return Adapter(_config("PROMPT_TUNING", identity, llm) | _prompt_shape(prompt), artifact)


def lora_adapter(weights: Mapping[str, Tensor], identity: Identity, llm: FrozenLLM | None) -> Adapter:
    """The adapter of A [rank, in] and B [out, rank] by PEFT's names, for the LLM `identity`.

    `llm` is that LLM, if it is loaded; else a causal one is assumed.
    """
    return Adapter(_config("LORA", identity, llm) | _lora_shape(weights), tensors_to_bytes(weights))


def adapter_with_skill(
    llm: FrozenLLM, skill: Context, member: Members, deltas: Mapping[str, Tensor] | None = None
) -> Adapter | None:
    """The adapter of a skill followed by one member, for an LLM that is equipped with the skill.

    For a causal LLM it holds the keys and values of both, in the LLM's dtype; in PEFT a text after it has the
    same positions as a text after [skill][member] here. For an encoder-decoder it holds the embeddings of
    both. It goes on the equipped LLM. `deltas` are those of a skill that is a LoRA: with a LoRA member they
    make one LoRA, for the LLM alone. A LoRA member behind another skill is None: PEFT has no such adapter.
    """
    if member.method == "lora":
        if deltas is None:
            return None
        own = {name: tensor[0] for name, tensor in member.tensors.items()}
        return lora_adapter(joined_loras(deltas, own), llm.identity, llm)
    [context] = member.contexts(llm, skill)
    if isinstance(llm, Seq2SeqLLM):
        parts = [
            one.embeddings
            for [one] in [contexts_of_kind(Embeddings, [part]) for part in context.chain()]
            if one
        ]
        prompt = torch.cat(parts)
        return Adapter(_config("PROMPT_TUNING", llm.identity, llm) | _prompt_shape(prompt), _weights(prompt))
    [read] = contexts_of_kind(KeysAndValues, [context])
    assert read is not None
    keys, values = (
        torch.cat([getattr(part, name) for part in read.chain()], dim=2) for name in ("keys", "values")
    )
    layers, heads, positions, size = keys.shape
    shape = _cache_shape(layers, heads, size)
    shape |= {
        "num_virtual_tokens": positions,
        "encoder_hidden_size": heads * size,
        "prefix_projection": False,
    }
    weights = _weights(flatten_prefix(keys, values))
    return Adapter(_config("PREFIX_TUNING", llm.identity, llm) | shape, weights)


def member_from_adapter(adapter: Adapter, llm: FrozenLLM) -> Members:
    """The member in an adapter, float32 on the CPU, whoever trained it.

    Raises FormatError for a type of adapter that is no method here, for one that does not fit the LLM or has
    more in it than the method, and for numbers that are not finite, or above what float16 holds, in which no
    LLM computes. For a setting that makes another method of it, the error is an UnsupportedSettingError.
    """
    member = _member(adapter, llm)
    for name, tensor in member.tensors.items():
        if not float(tensor.abs().max()) <= _MOST:
            raise FormatError(
                f"its {name} holds numbers up to {float(tensor.abs().max()):.3g}: no LLM computes with such"
            )
    return member


def _member(adapter: Adapter, llm: FrozenLLM) -> Members:
    config = adapter.config
    kind, task = config.get("peft_type"), config.get("task_type")
    if kind not in _METHODS:
        raise FormatError(f"expected an adapter of the type {', '.join(map(str, _METHODS))}; got {kind}")
    if task not in (None, _task(llm)):
        raise FormatError(f"expected an adapter for the task {_task(llm)}, got {task}")
    check_settings(_METHODS[kind], config)
    tensors = tensors_from_bytes(adapter.weights)
    if _METHODS[kind] == "lora":
        return _lora(config, tensors, llm)
    if set(tensors) > {PROMPT_EMBEDDINGS}:
        raise FormatError(
            f"it holds more than virtual tokens: {', '.join(sorted(set(tensors) - {PROMPT_EMBEDDINGS}))}"
        )
    if _METHODS[kind] == "prefix":
        member: Members = prefix_from_bytes(llm, adapter.weights)
    else:
        hidden_size = config.get("token_dim")
        if hidden_size not in (None, llm.identity.hidden_size):
            raise FormatError(f"its token_dim is {hidden_size}: the LLM's is {llm.identity.hidden_size}")
        member = Prompts(prompt_from_bytes(adapter.weights, llm.identity.hidden_size)[None])
    stated = config.get("num_virtual_tokens")
    if member.virtual_tokens == 0 or stated not in (None, member.virtual_tokens):
        raise FormatError(
            f"its num_virtual_tokens is {stated}: it has {member.virtual_tokens} virtual tokens"
        )
    return member


def _lora(config: Mapping[str, Any], tensors: Mapping[str, Tensor], llm: FrozenLLM) -> Members:
    member = lora_from_tensors(llm, tensors)
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if rank != member.rank or not isinstance(alpha, int | float):
        raise FormatError(f"its r is {rank} and lora_alpha {alpha}: its weights have the rank {member.rank}")
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return member.with_tensors(
        {
            name: tensor * (scale / LORA_SCALE) if ".lora_B." in name else tensor
            for name, tensor in member.tensors.items()
        }
    )


def _weights(rows: Tensor) -> bytes:
    """Virtual tokens as safetensors bytes, in their own dtype."""
    return bytes(safetensors.torch.save({PROMPT_EMBEDDINGS: rows.detach().cpu().contiguous()}))


def _prompt_shape(prompt: Tensor) -> dict[str, Any]:
    return {
        "num_virtual_tokens": len(prompt),
        "token_dim": prompt.shape[1],
        "num_transformer_submodules": 1,
        # PEFT loads the weights over whatever it initialises, so any value will do.
        "prompt_tuning_init": "RANDOM",
    }


def _lora_shape(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    rank = lora_rank(weights)
    targets = sorted({lora_parts(name)[0].rpartition(".")[2] for name in weights})
    return {"r": rank, "lora_alpha": LORA_SCALE * rank, "target_modules": targets}


def _cache_shape(layers: int, heads: int, size: int) -> dict[str, Any]:
    return {
        "token_dim": heads * size,
        "num_transformer_submodules": 1,
        "num_attention_heads": heads,
        "num_layers": layers,
    }


def _task(llm: FrozenLLM | None) -> str:
    return "SEQ_2_SEQ_LM" if isinstance(llm, Seq2SeqLLM) else "CAUSAL_LM"


def _config(kind: str, identity: Identity, llm: FrozenLLM | None) -> dict[str, Any]:
    """The settings that all adapters have; PEFT fills in the rest."""
    return {
        "peft_type": kind,
        "task_type": _task(llm),
        "base_model_name_or_path": identity.id,
        "revision": identity.revision,
        "inference_mode": True,
    }

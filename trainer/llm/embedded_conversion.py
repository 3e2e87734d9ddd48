"""Converts the embedded LLM's file of quantized blocks (GGUF) into bfloat16 weights."""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from gguf import GGUFReader, dequantize
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# transformers' names of what llama.cpp calls otherwise, outside of the layers and in them.
_OUTER = {"token_embd": "embed_tokens", "output_norm": "norm"}
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(source: Path, folder: Path) -> None:
    """Write the LLM in the folder `source`, with its tokenizer, into a new folder in transformers' format.

    The weights are bit for bit what transformers' `from_pretrained` makes of the file. It reads the file
    three times, and takes almost three times as long.
    """
    reader = GGUFReader(source / _FILE)
    config = _config(reader)
    folder.mkdir()
    safetensors.torch.save_file(_weights(reader, config), folder / "model.safetensors", {"format": "pt"})
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast.from_pretrained(source, gguf_file=_FILE).save_pretrained(folder)


def _config(reader: GGUFReader) -> LlamaConfig:
    def told(name: str) -> Any:
        field = reader.get_field(name)
        assert field is not None, f"the embedded LLM's file has no {name}"
        return field.contents()

    return LlamaConfig(
        architectures=[LlamaForCausalLM.__name__],
        dtype=torch.bfloat16,
        vocab_size=told("llama.vocab_size"),
        hidden_size=told("llama.embedding_length"),
        intermediate_size=told("llama.feed_forward_length"),
        num_hidden_layers=told("llama.block_count"),
        num_attention_heads=told("llama.attention.head_count"),
        num_key_value_heads=told("llama.attention.head_count_kv"),
        head_dim=told("llama.rope.dimension_count"),
        max_position_embeddings=told("llama.context_length"),
        rms_norm_eps=told("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": told("llama.rope.freq_base")},
        bos_token_id=told("tokenizer.ggml.bos_token_id"),
        eos_token_id=told("tokenizer.ggml.eos_token_id"),
        pad_token_id=told("tokenizer.ggml.padding_token_id"),
        tie_word_embeddings=True,
    )


def _weights(reader: GGUFReader, config: LlamaConfig) -> dict[str, Tensor]:
    """Every tensor in bfloat16, by transformers' names."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    found = {}
    for one in reader.tensors:
        *_, block, kind, _ = ["", "", *one.name.split(".")]
        # A copy: what is stored in float32 comes as a read-only view of the file.
        values = torch.tensor(dequantize(one.data, one.tensor_type))
        if kind in heads:
            # llama.cpp turns pairs of neighbours where transformers turns halves of a head.
            values = values.unflatten(0, (heads[kind], -1, 2)).transpose(1, 2).flatten(0, 2)
        name = f"model.layers.{block}.{_LAYER[kind]}" if block else f"model.{_OUTER[kind]}"
        found[f"{name}.weight"] = values.bfloat16()
    return found

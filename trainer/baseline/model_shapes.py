"""Published shapes of LLMs: numbers of layers and heads, sizes, vocabulary."""

from collections.abc import Callable
from typing import Any

from transformers import LlamaConfig, OPTConfig, PreTrainedConfig, Qwen3Config, T5Config

# Ids of the byte tokenizer that replaces a model's own: padding (and begin of text), end of text.
PAD, END = 0, 1
_CONTROL: dict[str, Any] = {"pad_token_id": PAD, "bos_token_id": PAD, "eos_token_id": END}


class UnknownShapeError(ValueError):
    """There is no shape of this name, or it has fewer layers; the message says what there is."""


def shape_config(shape: str, layers: int | None = None) -> PreTrainedConfig:
    """The configuration of a shape, whole or with only `layers` layers (in each half of an encoder-decoder).

    Control tokens are those of the byte tokenizer; everything else is as published. Raises UnknownShapeError.
    """
    if shape not in SHAPES:
        raise UnknownShapeError(f"There is no shape {shape!r}: choose from {', '.join(SHAPES)}.")
    whole, make = SHAPES[shape]
    if layers is not None and not 1 <= layers <= whole:
        raise UnknownShapeError(f"{shape} has {whole} layers: {layers} of them cannot be had.")
    return make(layers or whole)


def _opt(layers: int, **sizes: Any) -> PreTrainedConfig:
    return OPTConfig(num_hidden_layers=layers, max_position_embeddings=2048, **sizes, **_CONTROL)


def _flan_t5(layers: int, **sizes: Any) -> PreTrainedConfig:
    return T5Config(
        **{
            **{
                "vocab_size": 32_128,
                "d_kv": 64,
                "num_layers": layers,
                "num_decoder_layers": layers,
                "feed_forward_proj": "gated-gelu",
                "tie_word_embeddings": False,
                "n_positions": 512,
                "decoder_start_token_id": PAD,
            },
            **sizes,
            **_CONTROL,
        }
    )


def _llama(layers: int, **sizes: Any) -> PreTrainedConfig:
    return LlamaConfig(num_hidden_layers=layers, rms_norm_eps=1e-5, **sizes, **_CONTROL)


def _qwen3(layers: int, **sizes: Any) -> PreTrainedConfig:
    return Qwen3Config(num_hidden_layers=layers, rms_norm_eps=1e-6, **sizes, **_CONTROL)


def _of(make: Callable[..., PreTrainedConfig], **sizes: Any) -> Callable[[int], PreTrainedConfig]:
    return lambda layers: make(layers, **sizes)


# For each shape its number of layers, and a function from a number of layers to the configuration.
# `tiny` and `tiny-t5` are for tests.
SHAPES: dict[str, tuple[int, Callable[[int], PreTrainedConfig]]] = {
    "opt-6.7b": (
        32,
        _of(
            _opt,
            vocab_size=50_272,
            hidden_size=4096,
            word_embed_proj_dim=4096,
            ffn_dim=16_384,
            num_attention_heads=32,
        ),
    ),
    "flan-t5-large": (24, _of(_flan_t5, d_model=1024, d_ff=2816, num_heads=16)),
    "flan-t5-xl": (24, _of(_flan_t5, d_model=2048, d_ff=5120, num_heads=32)),
    "flan-t5-xxl": (24, _of(_flan_t5, d_model=4096, d_ff=10_240, num_heads=64)),
    "llama-3.1-8b": (
        32,
        _of(
            _llama,
            vocab_size=128_256,
            hidden_size=4096,
            intermediate_size=14_336,
            num_attention_heads=32,
            num_key_value_heads=8,
            max_position_embeddings=131_072,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500_000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
            tie_word_embeddings=False,
        ),
    ),
    "qwen3-4b": (
        36,
        _of(
            _qwen3,
            vocab_size=151_936,
            hidden_size=2560,
            intermediate_size=9728,
            num_attention_heads=32,
            num_key_value_heads=8,
            head_dim=128,
            max_position_embeddings=40_960,
            rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
            tie_word_embeddings=True,
        ),
    ),
    "smollm2-135m": (
        30,
        _of(
            _llama,
            vocab_size=49_152,
            hidden_size=576,
            intermediate_size=1536,
            num_attention_heads=9,
            num_key_value_heads=3,
            max_position_embeddings=8192,
            rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
            tie_word_embeddings=True,
        ),
    ),
    "tiny": (
        2,
        _of(
            _llama,
            vocab_size=320,
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
        ),
    ),
    "tiny-t5": (2, _of(_flan_t5, vocab_size=320, d_model=32, d_kv=8, d_ff=64, num_heads=4)),
}

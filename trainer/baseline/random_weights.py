"""An LLM of a published shape with random weights, to measure time and memory without a download.

Weights are made on the device one after the other, each quantized at once, so that never more than one of
them is there in full precision.
"""

from typing import Any

import torch
from accelerate import init_empty_weights
from bitsandbytes.functional import int8_vectorwise_quant
from bitsandbytes.nn.modules import Int8Params, Linear4bit, Linear8bitLt, Params4bit
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.integrations.bitsandbytes import replace_with_bnb_linear
from transformers.quantizers.base import HfQuantizer

from trainer.baseline.model_shapes import END, PAD, shape_config
from trainer.llm.arithmetic import settle_arithmetic
from trainer.llm.causal import CausalLLM
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.loading import quiet_libraries, resolve_options
from trainer.llm.quantization import quantization_config
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.options import Arithmetic, Dtype, Quantization

# The standard deviation of most LLMs' weights before training.
_SPREAD = 0.02
_SEED = 0


def random_llm(
    shape: str,
    *,
    layers: int | None = None,
    quantization: Quantization = "auto",
    device: str = "auto",
    dtype: Dtype = "auto",
    arithmetic: Arithmetic = "restored",
    threshold: float = 6.0,
) -> FrozenLLM:
    """An LLM of `shape`, whole or with fewer `layers`, with the same random weights every time.

    It is quantized as transformers does it: every linear layer but the head and T5's `wo`. `threshold` is
    that of outliers in LLM.int8 (2208.07339), 0 for none; the other options are those of `trainer.load`.
    Text is encoded byte by byte. No answer ends before its limit, since the head's rows of control tokens
    are zeros and other tokens are likelier.

    Raises UnknownShapeError, and ModelUnavailableError when the device is not there.
    """
    quiet_libraries()
    config = shape_config(shape, layers)
    target, torch_dtype, quantization = resolve_options(device, dtype, quantization)
    model = empty_model(config, torch_dtype)
    quantizer = quantization_config(quantization, torch_dtype, threshold)
    if quantizer is not None:
        _quantize(model, quantizer)
    _fill(model, target, torch_dtype)
    settle_arithmetic(model, arithmetic, torch_dtype)
    embeddings: Any = model.get_input_embeddings()
    identity = Identity(
        id=f"random {shape}",
        revision=f"{layers or 'all'} layers",
        hidden_size=int(embeddings.weight.shape[1]),
        quantization=quantization,
        dtype=str(torch_dtype).removeprefix("torch."),
    )
    kind = Seq2SeqLLM if config.is_encoder_decoder else CausalLLM
    llm = kind(model, byte_tokenizer(), identity)
    with torch.no_grad():
        llm.head[[PAD, END]] = 0
    return llm


def empty_model(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """A model without numbers: all weights are on the device "meta", tied as in the published model."""
    loader: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with init_empty_weights(include_buffers=False):
        model: Any = loader.from_config(config, dtype=dtype)
    model.tie_weights()
    # transformers ties the head of every T5 unless a file has another one, as that of T5 1.1 has.
    if config.is_encoder_decoder and not config.scale_decoder_outputs:
        model.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False, device="meta", dtype=dtype)
    published: PreTrainedModel = model
    return published


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with two control tokens, and then a token for each byte."""
    control = ["<|pad|>", "<|end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: index for index, word in enumerate([*control, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=control[PAD], eos_token=control[END])


def _quantize(model: Any, quantizer: BitsAndBytesConfig) -> None:
    """Replace linear layers by bitsandbytes' as transformers does, and set the attributes PEFT looks for."""
    kept = HfQuantizer.get_modules_to_not_convert(model, None, model._keep_in_fp32_modules)
    replace_with_bnb_linear(model, modules_to_not_convert=kept, quantization_config=quantizer)
    model.is_quantized = True
    model.quantization_method = quantizer.quant_method
    model.is_loaded_in_8bit = quantizer.load_in_8bit
    model.is_loaded_in_4bit = quantizer.load_in_4bit
    model.config.quantization_config = quantizer


def _fill(model: Any, target: torch.device, torch_dtype: torch.dtype) -> None:
    """Give every empty weight its numbers, on the device `target`."""
    generator = torch.Generator(target).manual_seed(_SEED)
    # T5's `wo` would overflow in float16.
    wide = tuple(model._keep_in_fp32_modules or ()) if torch_dtype == torch.float16 else ()
    filled: dict[int, nn.Parameter] = {}
    for name, module in model.named_modules():
        kept = torch.float32 if wide and name.endswith(wide) else torch_dtype
        for key, empty in list(module._parameters.items()):
            if empty is None:
                continue
            if id(empty) not in filled:
                filled[id(empty)] = _parameter(
                    module, key, empty, _numbers(empty, key, target, kept, generator)
                )
            module._parameters[key] = filled[id(empty)]
        for key, buffer in module._buffers.items():
            module._buffers[key] = None if buffer is None else buffer.to(target)


def _numbers(
    empty: Tensor, key: str, target: torch.device, torch_dtype: torch.dtype, generator: torch.Generator
) -> Tensor:
    """Random numbers for a matrix; ones for a norm and zeros for a bias, which change nothing."""
    numbers = torch.empty(empty.shape, dtype=torch_dtype, device=target)
    if empty.ndim > 1:
        return numbers.normal_(std=_SPREAD, generator=generator)
    return numbers.fill_(0.0 if key == "bias" else 1.0)


def _parameter(module: nn.Module, key: str, empty: Any, numbers: Tensor) -> nn.Parameter:
    if key == "weight" and isinstance(module, Linear8bitLt):
        weights, scales, _ = int8_vectorwise_quant(numbers.half())
        return Int8Params(weights, requires_grad=False, has_fp16_weights=False, CB=weights, SCB=scales)
    if key == "weight" and isinstance(module, Linear4bit):
        packed: Any = Params4bit(numbers, requires_grad=False, **empty.__dict__)
        quantized: nn.Parameter = packed.to(numbers.device)
        return quantized
    return nn.Parameter(numbers, requires_grad=False)

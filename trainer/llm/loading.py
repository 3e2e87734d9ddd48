"""Loads a frozen LLM: by hub id, from a local folder, or the embedded one; on the device asked for."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BitsAndBytesConfig,
)

from trainer.llm.batch_types import Row
from trainer.llm.causal import CausalLLM
from trainer.llm.checkpointing import possible
from trainer.llm.embedded import EMBEDDED, embedded_folder, embedded_revision
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.seq2seq import Seq2SeqLLM

Quantization = Literal["auto", "int8", "nf4", "none"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Checkpointing = Literal["auto", "on", "off"]

# The output head, by its names: answers and losses are computed with its weight as it is.
_HEADS = ("lm_head", "embed_out")
# A card with less memory than this computes blocks twice instead of keeping what they hold.
_SMALL_CARD = 32 << 30


class ModelUnavailableError(Exception):
    """The model cannot be had as asked for; the message says why and what to do, in one line."""


def load(
    model: str = EMBEDDED,
    *,
    revision: str | None = None,
    quantization: Quantization = "auto",
    device: str = "auto",
    dtype: Dtype = "auto",
    int8_threshold: float = 6.0,
    quantization_skip: Sequence[str] = (),
    checkpointing: Checkpointing = "auto",
    cache_dir: Path,
) -> FrozenLLM:
    """Load a causal or an encoder-decoder LLM, frozen.

    `model` is "embedded", a local folder, or a hub id. `quantization` "auto" is int8 on CUDA and none on a
    CPU. `device` "auto" is the first CUDA device where there is one, else the CPU. `dtype` is that of the
    weights that are not quantized and of nf4's arithmetic; "auto" is bfloat16 where the hardware computes in
    it, else float32. Inputs of int8 products that are above `int8_threshold` are multiplied in 16 bits (0:
    none are; 2208.07339, section 3.2). Modules named in `quantization_skip`, by the last parts of their
    names, and the output head stay as they are. With `checkpointing` training takes a third more time and far
    less memory; "auto" is on for a CUDA card of less than 32 GiB. The embedded model is converted once into
    `cache_dir`.

    Raises ModelUnavailableError when the model does not exist, cannot be reached, or the device is not there.
    """
    place, number, quantization = chosen(device, dtype, quantization)
    source = str(embedded_folder(cache_dir)) if model == EMBEDDED else model
    try:
        config = AutoConfig.from_pretrained(source, revision=revision)
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        weights = _loader(config, model).from_pretrained(
            source,
            revision=revision,
            dtype=number,
            # One device, the one asked for: an explicit map keeps accelerate from spreading the weights.
            device_map={"": place},
            quantization_config=quantizer(quantization, number, int8_threshold, quantization_skip),
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(_reason(model, error)) from error
    never_repacked(weights)
    identity = Identity(
        id=model,
        revision=_revision(model, source, config),
        hidden_size=int(weights.get_input_embeddings().weight.shape[1]),
        quantization=quantization,
        dtype=str(number).removeprefix("torch."),
    )
    kind = Seq2SeqLLM if config.is_encoder_decoder else CausalLLM
    llm = kind(weights, tokenizer, identity)
    _check_logits(llm)
    llm.checkpointing = checkpoints(llm, checkpointing)
    llm.empty_context()  # computed once, before other threads may ask
    return llm


def chosen(
    device: str, dtype: Dtype, quantization: Quantization
) -> tuple[torch.device, torch.dtype, Quantization]:
    """What options that may be "auto" come to on this machine. ModelUnavailableError: no such device."""
    _quiet()
    place = _device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)  # libraries use whichever card is current
    if quantization == "auto":
        quantization = "int8" if place.type == "cuda" else "none"
    return place, _dtype(dtype, place), quantization


def _loader(config: Any, model: str) -> Any:
    """The class that loads the model.

    Encoder-decoder LLMs have relative positions, as T5 has: soft prompts in front of a row may not move it.
    """
    if not config.is_encoder_decoder:
        return AutoModelForCausalLM
    if not hasattr(config, "relative_attention_num_buckets"):
        raise ModelUnavailableError(
            f"The model {model!r} is an encoder-decoder of another kind than T5 ({config.model_type}): "
            "use a T5, T5 v1.1 or Flan-T5 model, or a causal LLM."
        )
    return AutoModelForSeq2SeqLM


@torch.no_grad()
def _check_logits(llm: FrozenLLM) -> None:
    """Refuse a model whose logits are not its last hidden states times its head (a bias, a cap, a scale).

    Answers and losses are computed so, and would be wrong without a word.
    """
    tokens = [0, 1]
    own = llm.logits(tokens).float()
    ours = (llm.start_decoding([Row(None, tokens)], 1).step(None)[0] @ llm.head.T).float()
    # Logits of two bytes round in the last of eight bits.
    if float((own - ours).abs().max()) > 0.05 * float(own.abs().max()) + 1e-3:
        raise ModelUnavailableError(
            f"The model {llm.identity.id!r} computes its logits in a way that is not supported "
            f"({type(llm.model).__name__}): use a Llama, Qwen, SmolLM, Mistral, OPT, GPT-NeoX or T5 model."
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise ModelUnavailableError(f"There is no device {name!r}: use auto, cpu, cuda or cuda:N.") from error
    if place.type == "cuda":
        index = place.index or 0
        if index >= torch.cuda.device_count():
            raise ModelUnavailableError(
                f"There is no device {name!r}: {torch.cuda.device_count()} CUDA devices are visible."
            )
        place = torch.device("cuda", index)
    return place


def _dtype(name: Dtype, place: torch.device) -> torch.dtype:
    if name != "auto":
        number: torch.dtype = getattr(torch, name)
        return number
    if place.type == "cuda":
        # The card itself is asked: torch.cuda.is_bf16_supported() asks whichever is current.
        return torch.bfloat16 if torch.cuda.get_device_capability(place) >= (8, 0) else torch.float16
    # Without these instructions a bfloat16 product is emulated, ten times slower than float32.
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16")
    return torch.bfloat16 if native else torch.float32


def checkpoints(llm: FrozenLLM, wish: Checkpointing) -> bool:
    """Whether blocks are computed twice. ModelUnavailableError: that is asked for, and cannot be."""
    if wish == "auto":
        place = llm.device
        small = place.type == "cuda" and torch.cuda.get_device_properties(place).total_memory < _SMALL_CARD
        return small and possible(llm.model)
    if wish == "on" and not possible(llm.model):
        raise ModelUnavailableError(
            f"The model {llm.identity.id!r} keeps windows of what it read: no checkpointing."
        )
    return wish == "on"


def never_repacked(model: torch.nn.Module) -> None:
    """Keep 4-bit weights as they are: on a CPU with AVX512-BF16 bitsandbytes would repack them for the first
    answer, and nothing could learn after it.
    """
    modules: Iterator[Any] = model.modules()
    for module in modules:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def quantizer(
    quantization: str, number: torch.dtype, threshold: float, skip: Sequence[str] = ()
) -> BitsAndBytesConfig | None:
    """What bitsandbytes is to do, None for nothing; options are those of `load`."""
    # A list of one's own takes the place of transformers', which has the head.
    skipped = [*skip, *_HEADS] if skip else None
    if quantization == "int8":
        return BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_threshold=threshold, llm_int8_skip_modules=skipped
        )
    if quantization == "nf4":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=number,
            llm_int8_skip_modules=skipped,
        )
    return None


def _revision(model: str, source: str, config: Any) -> str:
    """A commit hash from the hub, else a digest of the folder's files: names, sizes, and the ends of each."""
    if model == EMBEDDED:
        return embedded_revision()
    commit = getattr(config, "_commit_hash", None)
    if commit:
        return str(commit)
    digest = hashlib.sha256()
    for path in sorted(Path(source).glob("*")):
        if path.suffix in {".json", ".safetensors", ".bin", ".model"}:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            with path.open("rb") as file:
                digest.update(file.read(1 << 20))
                file.seek(max(0, size - (1 << 20)))
                digest.update(file.read())
    return digest.hexdigest()[:40]


def _reason(model: str, error: Exception) -> str:
    if model.startswith(("/", ".")) and not Path(model).exists():
        return f"There is no folder {model!r}. Name one that holds a model, a hub id, or 'embedded'."
    if Path(model).exists():
        return f"The folder {model!r} holds no LLM that can be loaded: {_first_line(error)}"
    return (
        f"The model {model!r} is no folder here and cannot be had from the hub: {_first_line(error)} "
        "Check the name, or use MODEL=embedded, which needs no network."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _quiet() -> None:
    """Keep the libraries to errors: some draw bars."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()

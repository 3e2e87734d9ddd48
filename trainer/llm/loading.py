"""Loads a frozen LLM: by hub id, from a local folder, or the embedded one; on the device asked for."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig

from trainer.llm.availability import (
    EMBEDDED,
    ModelUnavailableError,
    check_name,
    embedded_revision,
    kept_folder,
)
from trainer.llm.batch_types import Row
from trainer.llm.causal import CausalLLM
from trainer.llm.checkpointing import can_checkpoint
from trainer.llm.devices import named_device
from trainer.llm.embedded import embedded_weights
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.hub import source_of
from trainer.llm.kv_cache import keeps_all
from trainer.llm.model_files import model_class, read_config, read_tokenizer, reason, source_folder
from trainer.llm.quantization import quantization_config
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.options import Arithmetic, Checkpointing, Dtype, Quantization

# "auto" checkpoints on a card with less memory than this.
_SMALL_CARD = 32 << 30


def load(
    model: str = EMBEDDED,
    *,
    revision: str | None = None,
    quantization: Quantization = "auto",
    device: str = "auto",
    dtype: Dtype = "auto",
    arithmetic: Arithmetic = "restored",
    int8_threshold: float = 6.0,
    quantization_skip: Sequence[str] = (),
    checkpointing: Checkpointing = "auto",
    cuda_graphs: bool = False,
    cache_dir: Path | None = None,
) -> FrozenLLM:
    """Load a causal or an encoder-decoder LLM, frozen.

    `model`: "embedded", a local folder, or a hub id.
    `quantization`: "auto" is int8 on CUDA and none on a CPU.
    `device`: "auto" is the first CUDA device, or the CPU where there is none.
    `dtype`: of the weights that are not quantized, and of the products with those that are. "auto" is
    bfloat16 where the hardware computes in it, else float16 on CUDA and float32 on a CPU.
    `arithmetic`: "restored" restores quantized weights for each product and leaves its inputs as they are.
    "bitsandbytes" multiplies int8 as LLM.int8 does, which rounds the inputs to eight bits (2208.07339).
    `int8_threshold`: of LLM.int8: inputs above it are multiplied in 16 bits (section 3.2); with 0, none are.
    `quantization_skip`: modules that are not quantized, by the last parts of their names, besides the output
    head.
    `checkpointing`: "on" makes training take a third longer and far less memory; "auto" is on for a CUDA card
    of less than 32 GiB.
    `cuda_graphs`: decode in tensors of fixed shapes, each step replayed by a CUDA graph.
    `cache_dir`: where the embedded model is converted to, once; by default ~/.cache/bookchorus.

    Also sets the libraries' loggers to errors only. Raises ModelUnavailableError when the model does not
    exist, cannot be reached or is not supported, and when the device is not there.
    """
    quiet_libraries()
    target, torch_dtype, quantization = resolve_options(device, dtype, quantization)
    check_name(model)
    source = source_folder(model, revision, cache_dir)
    config = read_config(source, model, revision)
    tokenizer = read_tokenizer(source, model, revision)
    try:
        if model == EMBEDDED and quantization == "none":
            weights: Any = embedded_weights(Path(source), torch_dtype)
            weights.to(target)
        else:
            weights = model_class(config, model).from_pretrained(
                source,
                revision=revision,
                dtype=torch_dtype,
                # An explicit map puts all weights on one device, where accelerate would spread them.
                device_map={"": target},
                quantization_config=quantization_config(
                    quantization, torch_dtype, int8_threshold, quantization_skip
                ),
            )
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(reason(model, error)) from error
    if quantization != "none":
        from trainer.llm.arithmetic import settle_arithmetic  # seconds to import

        settle_arithmetic(weights, arithmetic, torch_dtype)
    identity = Identity(
        id=model,
        revision=_revision(model, revision),
        hidden_size=int(weights.get_input_embeddings().weight.shape[1]),
        quantization=quantization,
        dtype=str(torch_dtype).removeprefix("torch."),
    )
    kind = Seq2SeqLLM if config.is_encoder_decoder else CausalLLM
    llm = kind(weights, tokenizer, identity)
    if model != EMBEDDED:
        _check_logits(llm)
    llm.checkpointing = resolve_checkpointing(llm, checkpointing)
    llm.static_decoding = resolve_cuda_graphs(llm, cuda_graphs)
    llm.empty_context()  # its shape is computed once, before several threads use the LLM
    return llm


def find_revision(model: str = EMBEDDED, *, revision: str | None = None) -> str:
    """The revision that `load` would give an LLM, of which nothing but the configuration is read.

    Raises ModelUnavailableError as `load` does.
    """
    quiet_libraries()
    check_name(model)
    try:
        if model != EMBEDDED:
            AutoConfig.from_pretrained(source_of(model, revision), revision=revision)
        return _revision(model, revision)
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(reason(model, error)) from error


def quiet_libraries() -> None:
    """Set the libraries' loggers to errors only, and turn their progress bars off.

    On some CPUs bitsandbytes warns when it is imported, and again at each product: call this before.
    """
    for name in ("bitsandbytes", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def resolve_options(
    device: str, dtype: Dtype, quantization: Quantization
) -> tuple[torch.device, torch.dtype, Quantization]:
    """The device, dtype and quantization that these options mean on this machine; none is "auto" any more.

    Raises ModelUnavailableError when the device is not there.
    """
    target = named_device(device)
    if target.type == "cuda":
        torch.cuda.set_device(target)  # some libraries compute on the current card
    if quantization == "auto":
        quantization = "int8" if target.type == "cuda" else "none"
    return target, _dtype(dtype, target), quantization


@torch.no_grad()
def _check_logits(llm: FrozenLLM) -> None:
    """Raise ModelUnavailableError unless the model's logits are its last hidden states times its head.

    Answers and losses are computed like that, and would be wrong where a model adds a bias, a cap or a scale.
    """
    tokens = [0, 1]
    own = llm.logits(tokens).float()
    ours = (llm.start_decoding([Row(None, tokens)], 1).step(None)[0] @ llm.head.T).float()
    # 16-bit logits are exact to eight bits or more.
    if float((own - ours).abs().max()) > 0.05 * float(own.abs().max()) + 1e-3:
        raise ModelUnavailableError(
            f"The model {llm.identity.id!r} computes its logits in a way that is not supported "
            f"({type(llm.model).__name__}): use a Llama, Qwen, SmolLM, Mistral, OPT, GPT-NeoX or T5 model."
        )


def _dtype(name: Dtype, target: torch.device) -> torch.dtype:
    if name != "auto":
        torch_dtype: torch.dtype = getattr(torch, name)
        return torch_dtype
    if target.type == "cuda":
        # torch.cuda.is_bf16_supported() would answer for the current card, not for this one.
        return torch.bfloat16 if torch.cuda.get_device_capability(target) >= (8, 0) else torch.float16
    # Without one of these instruction sets, bfloat16 is emulated and ten times slower than float32.
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16")
    return torch.bfloat16 if native else torch.float32


def resolve_checkpointing(llm: FrozenLLM, option: Checkpointing) -> bool:
    """Whether to compute blocks twice. ModelUnavailableError: "on" was asked for, and cannot be done."""
    if option == "auto":
        target = llm.device
        small = target.type == "cuda" and torch.cuda.get_device_properties(target).total_memory < _SMALL_CARD
        return small and can_checkpoint(llm.model)
    if option == "on" and not can_checkpoint(llm.model):
        raise ModelUnavailableError(
            f"The model {llm.identity.id!r} keeps only a window of its context: no checkpointing."
        )
    return option == "on"


def resolve_cuda_graphs(llm: FrozenLLM, wanted: bool) -> bool:
    """Whether graphs replay the steps of decoding. ModelUnavailableError: they were asked for, and cannot."""
    if not wanted:
        return False
    if llm.device.type != "cuda":
        raise ModelUnavailableError(f"CUDA graphs need a CUDA device, and the LLM is on {llm.device}.")
    if not isinstance(llm, CausalLLM) or not keeps_all(llm.model):
        raise ModelUnavailableError(
            f"The model {llm.identity.id!r} is an encoder-decoder or keeps only a window of its context: no "
            "CUDA graphs."
        )
    return True


def _revision(model: str, revision: str | None) -> str:
    """The hub's commit hash, else a digest of the folder's files: the name, size and both ends of each."""
    if model == EMBEDDED:
        return embedded_revision()
    if not Path(model).is_dir():
        # Its configuration has just been read, so that its commit is kept with it.
        kept = kept_folder(model, revision)
        assert kept is not None
        return kept.name
    digest = hashlib.sha256()
    for path in sorted(Path(model).glob("*")):
        if path.suffix in {".json", ".safetensors", ".bin", ".model"}:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            with path.open("rb") as file:
                digest.update(file.read(1 << 20))
                file.seek(max(0, size - (1 << 20)))
                digest.update(file.read())
    return digest.hexdigest()[:40]

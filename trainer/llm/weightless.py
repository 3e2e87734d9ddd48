"""An LLM without its weights: it counts tokens and knows its shape, for a process that computes nothing."""

from pathlib import Path

import torch

from trainer.llm.availability import ModelUnavailableError
from trainer.llm.causal import CausalLLM
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.loading import find_revision, quiet_libraries
from trainer.llm.model_files import model_class, read_config, read_tokenizer, reason, source_folder
from trainer.llm.seq2seq import Seq2SeqLLM


def load_weightless(
    identity: Identity, *, revision: str | None = None, cache_dir: Path | None = None
) -> FrozenLLM:
    """The LLM that another process has loaded, with all its tensors on the device "meta".

    `revision` is what that process loaded `identity.id` by. What is computed with it has shapes and no
    values. Raises ModelUnavailableError where its configuration or its tokenizer cannot be had here, or is
    another one.
    """
    quiet_libraries()
    model = identity.id
    found = find_revision(model, revision=revision)
    if found != identity.revision:
        raise ModelUnavailableError(
            f"The LLM that answers is {model} at {identity.revision}, and here it is at {found}: both need "
            "the same."
        )
    source = source_folder(model, revision, cache_dir)
    config = read_config(source, model, revision)
    tokenizer = read_tokenizer(source, model, revision)
    try:
        with torch.device("meta"):
            weights = model_class(config, model).from_config(config, dtype=getattr(torch, identity.dtype))
    except ValueError as error:
        raise ModelUnavailableError(reason(model, error)) from error
    return (Seq2SeqLLM if config.is_encoder_decoder else CausalLLM)(weights, tokenizer, identity)

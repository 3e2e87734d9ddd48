"""An LLM without its weights: it counts tokens and knows its shape, for a process that computes nothing."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from trainer.llm.availability import EMBEDDED, ModelUnavailableError
from trainer.llm.causal import CausalLLM
from trainer.llm.embedded import embedded_folder
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.hub import source_of
from trainer.llm.loading import find_revision, quiet_libraries
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.options import DEFAULT_CACHE_DIR


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
    cache = (DEFAULT_CACHE_DIR if cache_dir is None else cache_dir).expanduser()
    source = str(embedded_folder(cache)) if model == EMBEDDED else source_of(model, revision)
    config = AutoConfig.from_pretrained(source, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with torch.device("meta"):
        weights = kind.from_config(config, dtype=getattr(torch, identity.dtype))
    return (Seq2SeqLLM if config.is_encoder_decoder else CausalLLM)(weights, tokenizer, identity)

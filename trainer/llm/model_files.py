"""What is read of a model before its weights: where it lies, its configuration, its tokenizer."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from trainer.llm.availability import EMBEDDED, ModelUnavailableError
from trainer.llm.embedded import embedded_folder
from trainer.llm.hub import source_of
from trainer.options import DEFAULT_CACHE_DIR


def source_folder(model: str, revision: str | None, cache_dir: Path | None) -> str:
    """Where transformers loads a model from: a folder, or its id; the embedded one is converted first."""
    if model != EMBEDDED:
        return source_of(model, revision)
    return str(embedded_folder((DEFAULT_CACHE_DIR if cache_dir is None else cache_dir).expanduser()))


def read_config(source: str, model: str, revision: str | None) -> Any:
    """The configuration of the model. ModelUnavailableError: it has none that can be read."""
    try:
        return AutoConfig.from_pretrained(source, revision=revision)
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(reason(model, error)) from error


def read_tokenizer(source: str, model: str, revision: str | None) -> Any:
    """The tokenizer of the model. ModelUnavailableError: it has none that can be read."""
    try:
        return AutoTokenizer.from_pretrained(source, revision=revision)
    except Exception as error:  # of a damaged file, the tokenizers library raises whatever it stumbles over
        if not Path(model).exists() and isinstance(error, OSError):
            raise ModelUnavailableError(reason(model, error)) from error
        raise ModelUnavailableError(
            f"The model {model!r} has no tokenizer that can be loaded: put the one that it was trained with "
            "beside its config.json, as tokenizer.json."
        ) from error


def model_class(config: Any, model: str) -> Any:
    """The class that loads the model. ModelUnavailableError: an encoder-decoder that is no T5.

    Only relative positions, such as T5's, let soft prompts stand in front of a text without moving it.
    """
    if not config.is_encoder_decoder:
        return AutoModelForCausalLM
    if not hasattr(config, "relative_attention_num_buckets"):
        raise ModelUnavailableError(
            f"The model {model!r} is an encoder-decoder of another kind than T5 ({config.model_type}): "
            "use a T5, T5 v1.1 or Flan-T5 model, or a causal LLM."
        )
    return AutoModelForSeq2SeqLM


def reason(model: str, error: Exception) -> str:
    """Why a model cannot be loaded, in a line, by the error of transformers."""
    if Path(model).exists():
        return f"The folder {model!r} holds no LLM that can be loaded: {_first_line(error)}"
    return (
        f"The model {model!r} is no folder here and cannot be had from the hub: {_first_line(error)} "
        "Check the name, or load the model 'embedded', which needs no network."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

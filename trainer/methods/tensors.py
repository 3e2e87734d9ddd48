"""Named tensors as bytes in the safetensors format, float32."""

from collections.abc import Mapping

import safetensors
import safetensors.torch
import torch
from torch import Tensor


class FormatError(ValueError):
    """Bytes are not in the expected format, or what they hold does not fit the LLM."""


def tensors_from_bytes(data: bytes) -> dict[str, Tensor]:
    """The named tensors in safetensors bytes, float32 on the CPU.

    Raises FormatError for other bytes, and for numbers that are not finite.
    """
    try:
        # isfinite does not take all of the narrow types.
        found = {name: tensor.float() for name, tensor in safetensors.torch.load(data).items()}
    except safetensors.SafetensorError as error:
        raise FormatError(f"not in safetensors format: {error}") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in found.values()):
        raise FormatError("it holds numbers that are not finite")
    return found


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Named tensors as safetensors bytes, float32."""
    kept = {name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}
    return bytes(safetensors.torch.save(kept))

"""What a device can do at most, measured, and what a step or a token asks of it."""

import torch
from torch import nn

from app.bench.clock import seconds
from app.bench.steps import Work
from trainer.llm.frozen_llm import FrozenLLM

_TIMES = 5


def product_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product, the best of some."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    _ = left @ right
    return float(2 * size**3 / min(seconds(lambda: left @ right, device) for _ in range(_TIMES)))


def copy_speed(device: torch.device) -> float:
    """Bytes a second of a large copy, those read and those written, the best of some."""
    # Larger than any cache.
    size = 1 << 30 if device.type == "cuda" else 1 << 27
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * source.nbytes / min(seconds(lambda: target.copy_(source), device) for _ in range(_TIMES))


def step_operations(llm: FrozenLLM, work: Work) -> float:
    """Operations of a training step's matrix products with weights.

    Two for each weight and position forward, as many backward: frozen weights have no gradient of their own.
    Attention's products are not counted.
    """
    rows = work.members * work.rows
    virtual = work.row_length - work.row_tokens
    encoded = llm.conditioned_tokens(work.row_tokens, virtual) if llm.model.config.is_encoder_decoder else 0
    read = virtual + encoded + 1 if encoded else 0
    decoded = work.row_tokens - encoded if encoded else work.row_length
    predicted = work.row_tokens - encoded
    total = 0
    for name, layer in _linear(llm):
        positions = read if _on_encoder(name) else predicted if layer.weight is llm.head else decoded
        total += layer.in_features * layer.out_features * positions
    return 4.0 * rows * total


def token_bytes(llm: FrozenLLM) -> int:
    """Bytes of weights that decoding one token of every row reads."""
    return sum(layer.weight.nbytes for name, layer in _linear(llm) if not _on_encoder(name))


def _linear(llm: FrozenLLM) -> list[tuple[str, nn.Linear]]:
    """Every layer that multiplies with a weight, the head among them."""
    return [(name, module) for name, module in llm.model.named_modules() if isinstance(module, nn.Linear)]


def _on_encoder(name: str) -> bool:
    """Whether a layer computes on what an encoder has read: its own, and keys and values for the decoder."""
    return name.startswith("encoder.") or name.endswith(("EncDecAttention.k", "EncDecAttention.v"))

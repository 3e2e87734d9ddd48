"""The most that a device can do, measured, and what a training step or a token asks of it."""

import torch
from torch import nn

from app.bench.clock import seconds
from app.bench.train_steps import TrainWorkload
from trainer.llm.frozen_llm import FrozenLLM

_TIMES = 5


def product_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix product, the best of five."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    _ = left @ right
    return float(2 * size**3 / min(seconds(lambda: left @ right, device) for _ in range(_TIMES)))


def copy_speed(device: torch.device) -> float:
    """Bytes a second of a large copy, both read and written, the best of five."""
    # Larger than any cache.
    size = 1 << 30 if device.type == "cuda" else 1 << 27
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * source.nbytes / min(seconds(lambda: target.copy_(source), device) for _ in range(_TIMES))


def step_operations(llm: FrozenLLM, workload: TrainWorkload) -> float:
    """Floating-point operations of a training step, in matrix products with weights.

    Two for each weight and position forward, as many backward: frozen weights have no gradient of their own.
    Attention's products are not counted.
    """
    rows = workload.members * workload.rows
    virtual = workload.row_length - workload.row_tokens
    encoded = (
        llm.conditioned_tokens(workload.row_tokens, virtual) if llm.model.config.is_encoder_decoder else 0
    )
    read = virtual + encoded + 1 if encoded else 0
    decoded = workload.row_tokens - encoded if encoded else workload.row_length
    predicted = workload.row_tokens - encoded
    total = 0
    for name, layer in _linear(llm):
        positions = read if _on_encoder(name) else predicted if layer.weight is llm.head else decoded
        total += layer.in_features * layer.out_features * positions
    return 4.0 * rows * total


def token_bytes(llm: FrozenLLM) -> int:
    """Bytes of weights that are read to decode one token, of however many rows."""
    return sum(layer.weight.nbytes for name, layer in _linear(llm) if not _on_encoder(name))


def _linear(llm: FrozenLLM) -> list[tuple[str, nn.Linear]]:
    """Every layer that multiplies with a weight, the LLM's head among them."""
    return [(name, module) for name, module in llm.model.named_modules() if isinstance(module, nn.Linear)]


def _on_encoder(name: str) -> bool:
    """Whether a layer computes on the encoder's positions, as do the decoder's keys and values of them."""
    return name.startswith("encoder.") or name.endswith(("EncDecAttention.k", "EncDecAttention.v"))

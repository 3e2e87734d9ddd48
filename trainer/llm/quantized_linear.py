"""Frozen linear layers over weights that bitsandbytes has quantized: stored in 8 or 4 bits, computed in more.

A product restores the weight and multiplies in the dtype of the LLM; the inputs are not quantized. Its
gradient restores the weight again, so that neither the restored weight nor the input is kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

# Numbers of a weight that a float32 product restores at a time: 4 MB stay in the caches of a CPU.
_BLOCK = 1 << 20
# With so many inputs at most, a CPU multiplies bfloat16 with int8 as it is stored. Measured without bfloat16
# instructions (AVX2), where it wins at every number of inputs; with them a large product is better restored.
_FEW = 16


class QuantizedLinear(nn.Linear, ABC):
    """A linear layer whose weight is stored quantized and never learns.

    Inputs [..., in] of any float dtype are multiplied in the layer's own dtype and give outputs [..., out] in
    theirs. Gradients reach the inputs alone.
    """

    def __init__(self, layer: nn.Linear, weight: nn.Parameter, dtype: torch.dtype) -> None:
        """Take the sizes and the bias of a layer of bitsandbytes, and its stored weight as it is."""
        super().__init__(layer.in_features, layer.out_features, bias=False, device="meta")
        self.weight, self.bias = weight.requires_grad_(False), layer.bias
        self.product_dtype = dtype

    @abstractmethod
    def restored(self, dtype: torch.dtype) -> Tensor:
        """The whole weight [out, in]."""

    @abstractmethod
    def block(self, first: int, last: int) -> Tensor:
        """The weight's rows [last - first, in] in float32, without the `scales`."""

    @property
    def scales(self) -> Tensor | None:
        """Float32 factors [out] of the rows that `block` gives; None where it gives them whole."""
        return None

    @property
    def rows_per_block(self) -> int:
        """How many rows `block` is asked for at a time."""
        return max(1, _BLOCK // self.in_features)

    def forward(self, inputs: Tensor) -> Tensor:
        """The product with the weight, and the bias."""
        rows = inputs.reshape(-1, self.in_features).to(self.product_dtype)
        products: Tensor = _RestoredProduct.apply(rows, self)  # type: ignore[no-untyped-call]
        return products.view(*inputs.shape[:-1], self.out_features).to(inputs.dtype)

    def product(self, rows: Tensor) -> Tensor:
        """Inputs [rows, in] times the weight, and the bias: [rows, out]."""
        bias = None if self.bias is None else self.bias.to(rows.dtype)
        if not self._in_blocks(rows):
            return linear(rows, self.restored(rows.dtype), bias)
        products = rows.new_empty(len(rows), self.out_features)
        for first in range(0, self.out_features, self.rows_per_block):
            last = min(first + self.rows_per_block, self.out_features)
            torch.mm(rows, self.block(first, last).T, out=products[:, first:last])
        if self.scales is not None:
            products.mul_(self.scales)
        return products if bias is None else products.add_(bias)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """The gradient of the inputs [rows, in], from that of the outputs [rows, out]."""
        if not self._in_blocks(gradient):
            return gradient @ self.restored(gradient.dtype)
        scaled = gradient if self.scales is None else gradient * self.scales
        found = gradient.new_zeros(len(gradient), self.in_features)
        for first in range(0, self.out_features, self.rows_per_block):
            last = min(first + self.rows_per_block, self.out_features)
            found.addmm_(scaled[:, first:last], self.block(first, last))
        return found

    def _in_blocks(self, rows: Tensor) -> bool:
        """Whether to restore a part of the weight at a time; in 16 bits the sum of parts would be rounded."""
        return rows.device.type == "cpu" and rows.dtype == torch.float32


class Int8Linear(QuantizedLinear):
    """Weights of eight bits with a scale for each row, as LLM.int8 stores them (2208.07339, section 2.1)."""

    def __init__(self, layer: Linear8bitLt, dtype: torch.dtype) -> None:
        """Take over a layer that has been quantized."""
        super().__init__(layer, nn.Parameter(layer.weight.data, requires_grad=False), dtype)
        # bitsandbytes moves the scales to another place when the layer is used first.
        stored: Any = layer.weight if layer.state.SCB is None else layer.state
        # A row's largest number is stored as 127.
        self.register_buffer("row_scales", stored.SCB.float() / 127, persistent=False)

    @property
    def scales(self) -> Tensor:
        """Float32 factors [out] of the stored rows."""
        scales: Tensor = self.get_buffer("row_scales")
        return scales

    def restored(self, dtype: torch.dtype) -> Tensor:
        """The whole weight [out, in]; the factors are those of float32."""
        whole = torch.empty(self.weight.shape, dtype=dtype, device=self.weight.device)
        # A CPU would make a float32 copy of all it multiplies at once, a GPU makes none.
        rows = self.rows_per_block if whole.device.type == "cpu" else self.out_features
        scales = self.scales[:, None]
        for first in range(0, self.out_features, rows):
            part = slice(first, first + rows)
            torch.mul(self.weight[part], scales[part], out=whole[part])
        return whole

    def block(self, first: int, last: int) -> Tensor:
        """The rows as they are stored, in float32."""
        return self.weight[first:last].float()

    def product(self, rows: Tensor) -> Tensor:
        """Inputs [rows, in] times the weight, and the bias: [rows, out].

        A GPU restores the weight for a single input, too: not run on a GPU.
        """
        if rows.device.type != "cpu" or rows.dtype != torch.bfloat16 or not 0 < len(rows) <= _FEW:
            return super().product(rows)
        scales = self.scales.to(rows.dtype)
        products: Tensor = torch.ops.aten._weight_int8pack_mm(rows.contiguous(), self.weight, scales)
        return products if self.bias is None else products.add_(self.bias)


class FourBitLinear(QuantizedLinear):
    """Weights of four bits with a scale for each 64 numbers, as QLoRA stores them (2305.14314, section 3)."""

    def __init__(self, layer: Linear4bit, dtype: torch.dtype) -> None:
        """Take over a layer that has been quantized; scales that are quantized themselves are restored."""
        weight: Any = layer.weight
        super().__init__(layer, nn.Parameter(weight.data, requires_grad=False), dtype)
        state = weight.quant_state
        block_scales = state.absmax
        if state.nested:
            block_scales = dequantize_blockwise(state.absmax, state.state2) + state.offset
        self._numbers_per_scale, self._code = state.blocksize, state.quant_type
        self.register_buffer("block_scales", block_scales.float(), persistent=False)

    @property
    def rows_per_block(self) -> int:
        """A number of rows that ends with a scale's numbers and with a byte."""
        each: int = self._numbers_per_scale
        return max(each, super().rows_per_block // each * each)

    def restored(self, dtype: torch.dtype) -> Tensor:
        """The whole weight [out, in]."""
        return self._restored(0, self.out_features, dtype)

    def block(self, first: int, last: int) -> Tensor:
        """The weight's rows in float32."""
        return self._restored(first, last, torch.float32)

    def product(self, rows: Tensor) -> Tensor:
        """Inputs [rows, in] times the weight, and the bias: [rows, out].

        On a GPU by bitsandbytes, which restores what it multiplies inside the product where inputs are few:
        not run on a GPU.
        """
        if rows.device.type == "cpu" or not len(rows):
            return super().product(rows)
        products: Tensor = torch.ops.bitsandbytes.gemm_4bit.default(
            rows,
            self.weight.view(-1, 1),
            (self.out_features, self.in_features),
            self.get_buffer("block_scales"),
            self._numbers_per_scale,
            self._code,
            bias=None if self.bias is None else self.bias.to(rows.dtype),
        )
        return products

    def _restored(self, first: int, last: int, dtype: torch.dtype) -> Tensor:
        numbers = slice(first * self.in_features, last * self.in_features)
        packed = self.weight.view(torch.uint8).view(-1)[numbers.start // 2 : -(-numbers.stop // 2)]
        each = self._numbers_per_scale
        scales = self.get_buffer("block_scales")[numbers.start // each : -(-numbers.stop // each)]
        shape = (last - first, self.in_features)
        whole: Tensor = torch.ops.bitsandbytes.dequantize_4bit.default(
            packed, scales, each, self._code, shape, dtype
        )
        return whole


class _RestoredProduct(torch.autograd.Function):
    """The product of a layer, which keeps nothing for its gradient but the layer."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, layer: QuantizedLinear) -> Tensor:
        ctx.layer = layer
        return layer.product(rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.layer.input_gradient(gradient), None

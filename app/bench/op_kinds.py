"""The kind of an operation, found from its name and the names of the operations around it."""

from collections.abc import Sequence
from typing import Literal, get_args

OpKind = Literal[
    "matrix products", "attention", "quantization", "copies", "elementwise", "optimiser", "other"
]
KINDS: tuple[OpKind, ...] = get_args(OpKind)

# Parts of names. All operations inside one of these count as its kind.
_OPTIMISER = ("Optimizer.", "_fused_adam", "_foreach_")
_ATTENTION = ("scaled_dot_product", "ScaledDotProduct", "flash_attention", "efficient_attention")
# All that bitsandbytes and our layers over its weights do is quantization, but for their matrix products.
_QUANTIZED = ("bitsandbytes::", "MatMul8bit", "MatMul4Bit", "_RestoredProduct")
# Parts of an operation's own name.
_PRODUCTS = (
    *("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::linear", "aten::matmul", "_int_mm"),
    *("int8_linear_matmul", "int8pack_mm", "gemm_4bit", "gemv_4bit", "mkldnn_linear"),
)
_COPIES = (
    *("copy", "aten::cat", "aten::to", "clone", "contiguous", "aten::index", "gather", "scatter", "fill_"),
    *("zero", "aten::stack", "aten::pad", "embedding", "index_select"),
)
_ELEMENTWISE = (
    *("aten::add", "aten::mul", "aten::sub", "aten::div", "aten::neg", "aten::pow", "aten::abs", "sqrt"),
    *("aten::mean", "aten::sum", "aten::max", "aten::min", "cumsum", "norm", "softmax", "exp", "log"),
    *("silu", "gelu", "relu", "threshold", "tanh", "sigmoid", "dropout", "aten::cos", "aten::sin"),
    *("aten::le", "aten::lt", "aten::ge", "aten::gt", "aten::eq", "where", "mask", "clamp", "bitwise"),
    *("arange", "tril"),
)


def kind_of(names: Sequence[str]) -> OpKind:
    """The kind of an operation: `names` are its own and those around it, from the inside out."""
    own, around = names[0], " ".join(names)
    if _any(_OPTIMISER, around):
        return "optimiser"
    if _any(_ATTENTION, around):
        return "attention"
    if _any(_PRODUCTS, own):
        return "matrix products"
    if _any(_QUANTIZED, around):
        return "quantization"
    if _any(_COPIES, own):
        return "copies"
    return "elementwise" if _any(_ELEMENTWISE, own) else "other"


def _any(parts: Sequence[str], name: str) -> bool:
    return any(part in name for part in parts)

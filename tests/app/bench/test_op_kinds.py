import pytest

from app.bench.op_kinds import kind_of


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["aten::mm", "aten::matmul", "aten::linear"], "matrix products"),
        (["aten::_int_mm", "bitsandbytes::int8_linear_matmul", "MatMul8bitLt"], "matrix products"),
        (["aten::copy_", "aten::to", "MatMul8bitLtBackward"], "quantization"),
        (["bitsandbytes::dequantize_4bit", "MatMul4BitBackward"], "quantization"),
        (["aten::copy_", "aten::to", "_RestoredProduct"], "quantization"),
        (["aten::mm", "_RestoredProductBackward"], "matrix products"),
        (["aten::bmm", "aten::_scaled_dot_product_attention_math"], "attention"),
        (["aten::mul_", "Optimizer.step#AdamW.step"], "optimiser"),
        (["aten::copy_", "aten::to"], "copies"),
        (["aten::silu"], "elementwise"),
        (["aten::view"], "other"),
    ],
)
def test_a_kind_is_told_by_the_names_around_an_operation(names: list[str], kind: str) -> None:
    assert kind_of(names) == kind

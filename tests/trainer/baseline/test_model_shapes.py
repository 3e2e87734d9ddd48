import pytest
import torch

from trainer.baseline.model_shapes import UnknownShapeError, shape_config
from trainer.baseline.random_weights import empty_model


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ("opt-6.7b", 6_658_473_984),
        ("flan-t5-large", 783_150_080),
        ("flan-t5-xl", 2_849_757_184),
        ("flan-t5-xxl", 11_135_332_352),
        ("llama-3.1-8b", 8_030_261_248),
        ("qwen3-4b", 4_022_468_096),
        ("smollm2-135m", 134_515_008),
    ],
)
def test_a_shape_has_as_many_parameters_as_what_is_published(shape: str, parameters: int) -> None:
    model = empty_model(shape_config(shape), torch.bfloat16)
    assert all(each.is_meta for each in model.parameters())
    assert sum(each.numel() for each in model.parameters()) == parameters


def test_fewer_layers_are_taken_of_both_halves() -> None:
    t5 = shape_config("flan-t5-xl", 3)
    assert (t5.num_layers, t5.num_decoder_layers) == (3, 3)
    assert shape_config("opt-6.7b", 1).num_hidden_layers == 1


@pytest.mark.parametrize(
    ("shape", "layers", "why"),
    [
        ("gpt-9", None, "There is no shape 'gpt-9': choose from opt-6.7b, "),
        ("opt-6.7b", 33, "opt-6.7b has 32 layers: 33 of them cannot be had."),
        ("opt-6.7b", 0, "opt-6.7b has 32 layers: 0 of them cannot be had."),
    ],
)
def test_other_shapes_are_refused(shape: str, layers: int | None, why: str) -> None:
    with pytest.raises(UnknownShapeError, match=f"^{why}"):
        shape_config(shape, layers)

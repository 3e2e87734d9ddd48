from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM

from tests import tiny
from trainer.llm.saved_weights import load_weights


@pytest.mark.parametrize(("dtype", "tied"), [(torch.float32, True), (torch.bfloat16, False)])
def test_a_model_is_as_transformers_loads_it(tmp_path: Path, dtype: torch.dtype, tied: bool) -> None:
    config = AutoConfig.from_pretrained(tiny.save(tmp_path / "tiny"))
    config.tie_word_embeddings = tied
    folder = tmp_path / "model"
    LlamaForCausalLM(config).save_pretrained(folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    ours = load_weights(LlamaForCausalLM, folder, dtype).eval()
    for mine, other in [
        (ours.state_dict(), theirs.state_dict()),
        (dict(ours.named_buffers()), dict(theirs.named_buffers())),
    ]:
        assert mine.keys() == other.keys()
        for name, tensor in mine.items():
            assert tensor.dtype == other[name].dtype, name
            assert torch.equal(tensor, other[name]), name
    tokens = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(ours(tokens).logits, theirs(tokens).logits)
    assert (ours.lm_head.weight is ours.model.embed_tokens.weight) is tied
    assert ours.config.dtype == theirs.config.dtype
    assert ours.config.tie_word_embeddings is tied


def test_a_weight_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(OSError, match=r"model\.safetensors has no model\.norm\.weight"):
        load_weights(LlamaForCausalLM, folder, torch.float32)

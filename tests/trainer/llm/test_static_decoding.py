"""Answers decoded in tensors of fixed shapes are those that are decoded in growing ones."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests import tiny
from trainer.llm.batch_types import Completion, Row
from trainer.llm.causal_decoding import CausalDecoding
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.mixture import Mixture, Part
from trainer.llm.prefill import prefill
from trainer.llm.static_decoding import StaticDecoding
from trainer.methods.lora import initial_loras

TEXT = "Mira kept a green lamp in the tower of Ost."
FAMILIES: tuple[tiny.Family, ...] = ("llama", "qwen3", "opt", "gpt_neox")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    folder = tiny.save(tmp_path_factory.mktemp(request.param) / "model", family=request.param)
    return load(str(folder), device="cpu", dtype="float32", cache_dir=folder.parent)


@pytest.fixture
def static(model: FrozenLLM) -> Iterator[FrozenLLM]:
    """The same LLM, decoding in fixed shapes as long as a test takes."""
    model.static_decoding = True
    yield model
    model.static_decoding = False


def rows_of_many_kinds(llm: FrozenLLM) -> list[Row]:
    """With and without a prompt, a context, a member; greedy, drawn, mixed, judged; long and short."""
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randn(count, llm.identity.hidden_size, generator=generator) for count in (3, 9)]
    ask = [llm.encode(text) for text in ("Who?", "What did the baker give to Mira when it went dark?")]
    [short, long] = prefill(llm, [llm.encode(TEXT)[:5], llm.encode(TEXT * 3)])
    loras = initial_loras(llm, 1, 4, 1)
    moved = loras.with_tensors({name: tensor + 0.3 for name, tensor in loras.tensors.items()})
    [behind] = moved.contexts(llm, short)
    mixture = Mixture()
    return [
        Row(None, ask[0], 20),
        Row(prompts[0], ask[1], 3),
        Row(prompts[1], ask[0], 20, temperature=0.9, seed=4, context=short),
        Row(None, ask[1], 12, context=long, must_speak=True),
        Row(None, ask[1], 20, context=behind),
        Row(None, ask[0], 16, context=short, part=Part(mixture, 0.7)),
        Row(prompts[0], ask[0], 16, part=Part(mixture, 0.3)),
        Row(None, ask[0], 5, beginning=llm.encode("Mira"), judged=True),
    ]


def same(one: list[Completion], other: list[Completion]) -> None:
    """Tokens are the same, numbers are up to rounding."""
    for first, second in zip(one, other, strict=True):
        assert first.tokens == second.tokens
        assert first.ended == second.ended
        assert second.log_likelihoods == pytest.approx(first.log_likelihoods, abs=1e-4)
        assert second.silence == pytest.approx(first.silence, abs=1e-5)
        assert second.right == pytest.approx(first.right, abs=1e-4)


def test_rows_of_many_kinds_are_answered_as_before(model: FrozenLLM) -> None:
    rows = rows_of_many_kinds(model)
    growing = decode(model, rows)
    model.static_decoding = True
    assert isinstance(model.start_decoding(rows, 3), StaticDecoding)
    fixed = decode(model, rows)
    model.static_decoding = False
    same(growing, fixed)
    assert len({tuple(one.tokens) for one in fixed}) > 4


def test_rows_that_leave_change_no_other_answer(static: FrozenLLM) -> None:
    rows = rows_of_many_kinds(static)[:5]
    whole = decode(static, rows)
    left = decode(static, rows, is_wanted=lambda number: number in (0, 4))
    same([whole[0], whole[4]], [left[0], left[4]])
    assert len(left[2].tokens) == 1


def test_a_step_done_twice_leaves_the_same(static: FrozenLLM) -> None:
    """As when a graph is captured: its work is done once before."""
    rows = rows_of_many_kinds(static)[:4]
    once, twice = (static.start_decoding(rows, 6) for _ in range(2))
    tokens = [decoding.step(None).argmax(-1) % 50 for decoding in (once, twice)]
    assert isinstance(twice, StaticDecoding)
    for _ in range(4):
        twice._tokens[:] = tokens[1]
        twice._next()
        states = [each.step(said) for each, said in zip((once, twice), tokens, strict=True)]
        assert torch.equal(*states)
        tokens = [each.argmax(-1) % 50 for each in states]


def test_layers_that_keep_a_window_are_decoded_as_before(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model", family="qwen3")
    config = json.loads((folder / "config.json").read_text())
    config |= {"use_sliding_window": True, "sliding_window": 8, "layer_types": ["sliding_attention"] * 2}
    (folder / "config.json").write_text(json.dumps(config))
    llm = load(str(folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    llm.static_decoding = True
    assert isinstance(llm.start_decoding([Row(None, llm.encode(TEXT))], 3), CausalDecoding)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="captures a CUDA graph")
def test_a_graph_says_what_its_steps_say(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    llm = load(str(folder), device="cuda", dtype="float32", quantization="none", cache_dir=tmp_path)
    rows = rows_of_many_kinds(llm)
    growing = decode(llm, rows)
    llm.static_decoding = True
    same(growing, decode(llm, rows))
    assert llm.static_decoding, "no graph was captured"

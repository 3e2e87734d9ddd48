import json
import subprocess
from pathlib import Path
from typing import Any, get_args

import peft
import pytest
import safetensors.torch
import torch
from transformers import AutoModelForCausalLM

from tests import tiny
from tests.learned import embeddings
from tests.tiny import STORY, Family
from tests.warm.commands import python
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members, join_members
from trainer.methods.peft_adapters import (
    CONFIG,
    WEIGHTS,
    Adapter,
    adapter_with_skill,
    member_adapter,
    member_from_adapter,
)
from trainer.methods.peft_settings import UnsupportedSettingError
from trainer.methods.prompt import blank_prompts, prompt_to_bytes
from trainer.methods.soundness import unsound
from trainer.methods.tensors import FormatError, tensors_to_bytes
from trainer.options import Method
from trainer.recipe import Recipe

# What somebody without this project runs: loss of an answer, and the likeliest words, after each adapter.
ELSEWHERE = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

base, adapters, turn, answer = json.loads(sys.argv[1])
encoder = AutoConfig.from_pretrained(base).is_encoder_decoder
for *merged, folder in adapters:
    auto = AutoModelForSeq2SeqLM if encoder else AutoModelForCausalLM
    llm = auto.from_pretrained(base, dtype=torch.float32)
    for first in merged:
        llm = PeftModel.from_pretrained(llm, first).merge_and_unload()
    model = PeftModel.from_pretrained(llm, folder).eval()
    row = torch.tensor([turn if encoder else turn + answer])
    labels = torch.tensor([answer if encoder else [-100] * len(turn) + answer])
    asked = torch.tensor([turn])
    with torch.no_grad():
        loss = float(model(input_ids=row, labels=labels).loss)
        said = model.generate(
            input_ids=asked, attention_mask=torch.ones_like(asked), do_sample=False, max_new_tokens=6
        )
    print(json.dumps([loss, said[0, 1 if encoder else len(turn) :].tolist()]))
"""


def save(folder: Path, adapter: Adapter) -> str:
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps(adapter.config))
    (folder / WEIGHTS).write_bytes(adapter.weights)
    return str(folder)


def elsewhere(
    base: str, adapters: list[str], turn: list[int], answer: list[int], merged: tuple[str, ...] = ()
) -> list[tuple[float, list[int]]]:
    """Loss and words of each adapter, on the LLM that the adapters `merged` have changed."""
    arguments = json.dumps([base, [[*merged, adapter] for adapter in adapters], turn, answer])
    ran = subprocess.run(
        python("-W", "ignore", "-c", ELSEWHERE, arguments, imported="libraries"),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(loss, said) for loss, said in map(json.loads, ran.stdout.splitlines())]


def member(llm: FrozenLLM, method: Method, context: Context | None = None) -> Members:
    """A member that is far from saying nothing."""
    recipe = Recipe(method=method, members=1, virtual_tokens=5, rank=3)
    start = initial_members(llm, llm.encode(STORY), recipe, context)
    generator = torch.Generator().manual_seed(0)
    return start.with_tensors(
        {
            name: tensor + 0.3 * torch.randn(tensor.shape, generator=generator)
            for name, tensor in start.tensors.items()
        }
    )


@pytest.mark.parametrize("family", ["llama", "qwen3", "opt", "t5", "flan_t5"])
def test_peft_elsewhere_gives_the_same_losses_and_words(tmp_path: Path, family: Family) -> None:
    base = str(tiny.save(tmp_path / "model", family=family))
    llm = load(base, device="cpu", dtype="float32", cache_dir=tmp_path)
    [skill] = prefill(llm, [templates.opening(llm)])
    turn, answer = llm.encode(STORY[:200] + "Who kept a lamp?"), llm.encode(" Mira")
    kinds: list[tuple[Adapter, Context]] = []
    for method in get_args(Method):
        if method == "prefix" and not isinstance(llm, CausalLLM):
            continue
        for skill_context in (None, skill):
            one = member(llm, method, skill_context)
            artifact = one.artifacts()[0]
            adapter = member_adapter(method, artifact, llm.identity, llm) if skill_context is None else None
            if skill_context is not None:
                adapter = adapter_with_skill(llm, skill_context, one)
            if adapter is not None:
                kinds.append((adapter, one.contexts(llm, skill_context)[0]))
    assert len(kinds) == (5 if isinstance(llm, CausalLLM) else 3)
    saved = [save(tmp_path / str(number), adapter) for number, (adapter, _) in enumerate(kinds)]
    # An encoder reads the token that ends a text, which here is not the caller's to give.
    text = [*turn, llm.end] if isinstance(llm, Seq2SeqLLM) else turn
    found = elsewhere(base, saved, text, answer)
    here = []
    for (_, context), (loss, said) in zip(kinds, found, strict=True):
        [[losses]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=context)])
        here.append(float(losses.mean()))
        assert loss == pytest.approx(here[-1], abs=1e-3)
        [completion] = decode(llm, [Row(None, turn, 6, context=context)])
        assert said[: len(completion.tokens)] == completion.tokens
    # Different things were compared.
    assert len({round(loss, 3) for loss in here}) == len(here)


@pytest.mark.parametrize("method", get_args(Method))
def test_a_member_is_kept_byte_for_byte(llm: FrozenLLM, method: Method) -> None:
    one = member(llm, method)
    artifact = one.artifacts()[0]
    adapter = member_adapter(method, artifact, llm.identity, llm)
    assert adapter.weights == artifact
    assert adapter.config["base_model_name_or_path"] == llm.identity.id
    assert adapter.config["revision"] == llm.identity.revision
    assert member_from_adapter(adapter, llm).artifacts() == [artifact]
    # Without the LLM its configuration says less, and the weights are the same.
    assert member_adapter(method, artifact, llm.identity, None).weights == artifact


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
def test_a_prompt_that_peft_trained_is_read(llm: FrozenLLM, tiny_folder: Path, tmp_path: Path) -> None:
    config = peft.PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=4,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text="The lamp of Ost",
        tokenizer_name_or_path=str(tiny_folder),
    )
    model: Any = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder), config)
    model.save_pretrained(tmp_path)
    adapter = Adapter(json.loads((tmp_path / CONFIG).read_text()), (tmp_path / WEIGHTS).read_bytes())
    prompt = embeddings(member_from_adapter(adapter, llm))[0]
    assert prompt.shape == (4, 32)
    torch.testing.assert_close(prompt, model.prompt_encoder["default"].embedding.weight.detach())


def test_other_adapters_are_refused(llm: FrozenLLM) -> None:
    good = member_adapter("prompt", prompt_to_bytes(blank_prompts(llm, 1, 3, seed=0)[0]), llm.identity, llm)

    def refused(expected: str, weights: bytes = good.weights, **config: object) -> None:
        with pytest.raises(FormatError, match=expected):
            member_from_adapter(Adapter({**good.config, **config}, weights), llm)

    refused("PROMPT_TUNING.*got IA3", peft_type="IA3")
    refused("its num_virtual_tokens is 3", peft_type="LORA")
    with pytest.raises(FormatError, match="no weight of LoRA"):
        member_from_adapter(Adapter({"peft_type": "LORA"}, good.weights), llm)
    refused("CAUSAL_LM, got SEQ_2_SEQ_LM", task_type="SEQ_2_SEQ_LM")
    refused("token_dim is 64", token_dim=64)
    refused("num_virtual_tokens is 7", num_virtual_tokens=7)
    refused("modules_to_save is", modules_to_save=["lm_head"])
    refused("of_a_later_release is", of_a_later_release=2)
    refused("safetensors", b"nonsense")
    key = "prompt_embeddings"

    def kept(prompt: torch.Tensor, **more: torch.Tensor) -> bytes:
        return bytes(safetensors.torch.save({key: prompt, **more}))

    refused("more than virtual tokens: head", kept(torch.zeros(3, 32), head=torch.zeros(2)))
    refused("virtual tokens, 32", kept(torch.zeros(3, 16)))
    refused("finite", kept(torch.full((3, 32), float("nan"))))
    refused("finite", kept(torch.full((3, 32), float("nan")).to(torch.float8_e5m2)))
    refused("has 0", kept(torch.zeros(0, 32)), num_virtual_tokens=None)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True, "lora_dropout": 0.1},
        {"init_lora_weights": "gaussian", "layers_to_transform": [1]},
        {"init_lora_weights": "orthogonal"},
        {"init_lora_weights": "mica"},
    ],
    ids=str,
)
def test_lora_that_peft_trained_is_read(
    llm: FrozenLLM, tiny_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    model, adapter = _lora_of_peft(tiny_folder, tmp_path, settings)
    [context] = member_from_adapter(adapter, llm).contexts(llm, None)
    turn, answer = llm.encode("Who kept a lamp?"), llm.encode(" Mira")
    with torch.no_grad():
        row, labels = torch.tensor([[*turn, *answer]]), torch.tensor([[-100] * len(turn) + answer])
        theirs = float(model(input_ids=row, labels=labels).loss)
    [[losses]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=context)])
    [[bare]] = pack_losses(llm, [Pack([Exchange(turn, answer)])])
    assert float(losses.mean()) == pytest.approx(theirs, abs=1e-4)
    assert abs(float(bare.mean()) - theirs) > 0.01


def _lora_of_peft(base: Path, folder: Path, settings: dict[str, Any]) -> tuple[Any, Adapter]:
    """A LoRA far from its start, on PEFT's model and as it is saved."""
    llm = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = peft.LoraConfig(
        r=4, lora_alpha=12, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **settings
    )
    model: Any = peft.get_peft_model(llm, config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight += 0.3 * torch.randn(weight.shape, generator=generator)
    model.save_pretrained(folder)
    return model, Adapter(json.loads((folder / CONFIG).read_text()), (folder / WEIGHTS).read_bytes())


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
@pytest.mark.parametrize(
    "settings",
    [
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "pissa_niter_4"},
        {"init_lora_weights": "olora"},
        {"use_dora": True},
        {"alora_invocation_tokens": [1, 2]},
        {"rank_pattern": {"q_proj": 2}},
        {"alpha_pattern": {"q_proj": 2}},
        {"trainable_token_indices": [3, 4]},
        {"layer_replication": [[0, 2], [1, 2]]},
    ],
    ids=str,
)
def test_what_peft_makes_more_than_lora_of_is_refused(
    llm: FrozenLLM, tiny_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    _, adapter = _lora_of_peft(tiny_folder, tmp_path, settings)
    with pytest.raises(UnsupportedSettingError, match=f"its {next(iter(settings))} is"):
        member_from_adapter(adapter, llm)


def test_other_lora_is_refused(llm: FrozenLLM) -> None:
    one = member(llm, "lora")
    good = member_adapter("lora", one.artifacts()[0], llm.identity, llm)

    def refused(expected: str, weights: bytes = good.weights, **config: object) -> None:
        with pytest.raises(FormatError, match=expected):
            member_from_adapter(Adapter({**good.config, **config}, weights), llm)

    refused("use_dora is True", use_dora=True)
    for name, value in {
        "bias": "all",
        "modules_to_save": ["lm_head"],
        "lora_bias": True,
        "fan_in_fan_out": True,
        "target_parameters": ["experts.up"],
        "use_qalora": True,
        "use_bdlora": {"nblocks": 2},
        "arrow_config": {"top_k": 3},
        "kasa_config": {"beta": 0.1},
        "monteclora_config": {"num_samples": 8},
        "velora_config": {"num_groups": 64},
        "megatron_config": {"a": 1},
        "of_a_later_release": [0],
    }.items():
        refused(f"its {name} is", good.weights, **{name: value})
    for start in ("pissa", "PiSSA", "olora", "corda", "lora_ga", "loftq", "of_a_later_release", ["eva"]):
        refused("its init_lora_weights is", init_lora_weights=start)
    # Settings that are off, also such as are not known, and starts beside the LLM's own weights.
    off = {
        "bias": "none",
        "use_dora": False,
        "rank_pattern": {},
        "alora_invocation_tokens": None,
        "new": None,
    }
    for plain in (True, False, None, "eva"):
        config = {**good.config, **off, "init_lora_weights": plain, "eva_config": {"rho": 1.0}}
        assert member_from_adapter(Adapter(config, good.weights), llm).artifacts() == one.artifacts()
    refused("its r is 7", r=7)
    refused("lora_alpha None", lora_alpha=None)
    tensors = {name: tensor[0] for name, tensor in one.tensors.items()}
    first = next(iter(tensors))
    refused("cannot change", tensors_to_bytes({first.replace("q_proj", "k_proj"): tensors[first]}))
    refused("lora_A and lora_B", tensors_to_bytes({first: tensors[first]}))
    refused("one side of it", tensors_to_bytes({**tensors, first: torch.zeros(3, 7)}))


def test_numbers_that_no_llm_computes_with_are_refused(llm: FrozenLLM) -> None:
    for method in get_args(Method):
        good = member_adapter(method, member(llm, method).artifacts()[0], llm.identity, llm)
        tensors = safetensors.torch.load(good.weights)
        for tensor in tensors.values():
            tensor.flatten()[-1] = -7e4
        with pytest.raises(FormatError, match=r"numbers up to"):
            member_from_adapter(Adapter(good.config, tensors_to_bytes(tensors)), llm)
    # A scale makes large numbers of small ones.
    lora = member_adapter("lora", member(llm, "lora").artifacts()[0], llm.identity, llm)
    for alpha in (1e9, 1e300):
        with pytest.raises(FormatError, match=r"numbers up to"):
            member_from_adapter(Adapter({**lora.config, "lora_alpha": alpha}, lora.weights), llm)


def test_a_member_with_which_the_llm_computes_nothing_is_unsound(tiny_folder: Path, tmp_path: Path) -> None:
    half = load(str(tiny_folder), device="cpu", dtype="float16", cache_dir=tmp_path)
    good = member(half, "lora")
    absurd = good.with_tensors({name: torch.full_like(tensor, 3e4) for name, tensor in good.tensors.items()})
    assert unsound(half, join_members([good, absurd])) == [1]
    for method in get_args(Method):
        assert unsound(half, member(half, method)) == []


def test_a_projected_prefix_is_refused(llm: FrozenLLM) -> None:
    good = member_adapter("prefix", member(llm, "prefix").artifacts()[0], llm.identity, llm)
    with pytest.raises(UnsupportedSettingError, match="prefix_projection"):
        member_from_adapter(Adapter({**good.config, "prefix_projection": True}, good.weights), llm)

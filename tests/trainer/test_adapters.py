import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import peft
import pytest
import safetensors.torch
import torch
from transformers import AutoModelForCausalLM

from tests import tiny
from tests.tiny import STORY, Family
from trainer import turns
from trainer.adapters import CONFIG, WEIGHTS, Adapter, prefix_adapter, prompt_adapter, prompt_of
from trainer.context import Context, read
from trainer.decoding import Row, decode
from trainer.frozen import FrozenLLM
from trainer.loading import load
from trainer.packing import Exchange, Pack, pack_losses
from trainer.prompts import PromptFormatError, blank, to_bytes

# What somebody without this project runs: loss of an answer, and the likeliest words, behind each adapter.
ELSEWHERE = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

base, adapters, turn, answer = json.loads(sys.argv[1])
for folder in adapters:
    llm = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(llm, folder).eval()
    row = torch.tensor([turn + answer])
    labels = torch.tensor([[-100] * len(turn) + answer])
    asked = torch.tensor([turn])
    with torch.no_grad():
        loss = float(model(input_ids=row, labels=labels).loss)
        said = model.generate(
            input_ids=asked, attention_mask=torch.ones_like(asked), do_sample=False, max_new_tokens=6
        )
    print(json.dumps([loss, said[0, len(turn) :].tolist()]))
"""


def save(folder: Path, adapter: Adapter) -> str:
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps(adapter.config))
    (folder / WEIGHTS).write_bytes(adapter.weights)
    return str(folder)


def elsewhere(
    base: str, adapters: list[str], turn: list[int], answer: list[int]
) -> list[tuple[float, list[int]]]:
    arguments = json.dumps([base, adapters, turn, answer])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE, arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return [(loss, said) for loss, said in map(json.loads, ran.stdout.splitlines())]


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_peft_elsewhere_gives_the_same_losses_and_words(tmp_path: Path, family: Family) -> None:
    base = str(tiny.save(tmp_path / "model", family=family))
    llm = load(base, device="cpu", dtype="float32", cache_dir=tmp_path)
    [skill] = read(llm, [turns.opening(llm)])
    prompt = 3 * blank(llm, 1, 5, seed=0)[0]
    turn, answer = llm.encode(STORY[:200] + "Who kept a lamp?"), llm.encode(" Mira")
    kinds: list[tuple[Adapter, Context | None]] = [
        (prompt_adapter(to_bytes(prompt), llm.identity), None),
        (prefix_adapter(llm, skill, prompt), skill),
    ]
    saved = [save(tmp_path / str(number), adapter) for number, (adapter, _) in enumerate(kinds)]
    found = elsewhere(base, saved, turn, answer)
    here = []
    for (_, context), (loss, said) in zip(kinds, found, strict=True):
        [[losses]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=context)], prompt[None])
        here.append(float(losses.mean()))
        assert loss == pytest.approx(here[-1], abs=1e-3)
        [completion] = decode(llm, [Row(prompt, turn, 6, context=context)])
        assert said[: len(completion.tokens)] == completion.tokens
    # Two different things were compared.
    assert abs(here[0] - here[1]) > 0.01


def test_a_soft_prompt_is_kept_byte_for_byte(llm: FrozenLLM) -> None:
    artifact = to_bytes(blank(llm, 1, 3, seed=0)[0])
    adapter = prompt_adapter(artifact, llm.identity)
    assert adapter.weights == artifact
    assert adapter.config["base_model_name_or_path"] == llm.identity.id
    assert adapter.config["revision"] == llm.identity.revision
    torch.testing.assert_close(prompt_of(adapter, llm.identity), blank(llm, 1, 3, seed=0)[0])


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
    prompt = prompt_of(adapter, llm.identity)
    assert prompt.shape == (4, 32)
    torch.testing.assert_close(prompt, model.prompt_encoder["default"].embedding.weight.detach())


def test_other_adapters_are_refused(llm: FrozenLLM) -> None:
    good = prompt_adapter(to_bytes(blank(llm, 1, 3, seed=0)[0]), llm.identity)

    def refused(expected: str, weights: bytes = good.weights, **config: object) -> None:
        with pytest.raises(PromptFormatError, match=expected):
            prompt_of(Adapter({**good.config, **config}, weights), llm.identity)

    refused("PROMPT_TUNING, got LORA", peft_type="LORA")
    refused("CAUSAL_LM, got SEQ_2_SEQ_LM", task_type="SEQ_2_SEQ_LM")
    refused("token_dim is 64", token_dim=64)
    refused("num_virtual_tokens is 7", num_virtual_tokens=7)
    refused("safetensors", b"nonsense")
    key = "prompt_embeddings"

    def kept(prompt: torch.Tensor, **more: torch.Tensor) -> bytes:
        return bytes(safetensors.torch.save({key: prompt, **more}))

    refused("more than a soft prompt: head", kept(torch.zeros(3, 32), head=torch.zeros(2)))
    refused("virtual tokens, 32", kept(torch.zeros(3, 16)))
    refused("finite", kept(torch.full((3, 32), float("nan"))))
    refused("finite", kept(torch.full((3, 32), float("nan")).to(torch.float8_e5m2)))
    refused("has 0", kept(torch.zeros(0, 32)), num_virtual_tokens=None)
